{#- What the rules' YAML says, read from the graph when dbt runs: one dict a rule. -#}
{% macro declared_rules() -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='name')
            if node.resource_type == 'model' and 'rule' in node.tags -%}
            {%- set meta = node.config.meta -%}
            {%- set values = {} -%}
            {%- for name, spec in meta.get('parameters', {}).items() -%}
                {%- do values.update({name: spec.value}) -%}
            {%- endfor -%}
            {%- set guards = meta.guards_zh | join('；') -%}
            {%- if meta.guards_without_data_zh -%}
                {%- set guards = guards ~ '；尚无数据：' ~ meta.guards_without_data_zh | join('；') -%}
            {%- endif -%}
            {%- do found.append(dict(
                meta, model=node.name, guards_zh=guards, parameters=tojson(values, sort_keys=true)
            )) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
