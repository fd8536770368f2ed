{#- What the indicators' YAML says, as rows. Read from the graph when dbt runs, so that an indicator's
    names, units and targets stand in its own file and nowhere else. -#}

{% macro indicator_nodes() -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='name')
            if node.resource_type == 'model' and 'indicator' in node.tags -%}
            {%- do found.append(node) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}


{# A SQL literal for a value from YAML: null, boolean, number, text; a list becomes a;b;c. #}
{% macro literal(value) -%}
    {%- if value is none -%} null
    {%- elif value is boolean -%} {{ value | string | lower }}
    {%- elif value is number -%} {{ value }}
    {%- elif value is string -%} '{{ value | replace("'", "''") }}'
    {%- else -%} '{{ value | join(';') | replace("'", "''") }}'
    {%- endif -%}
{%- endmacro %}


{#- A select of `columns` ({name: type}) with one row for each dict of `rows`. -#}
{% macro rows_of(columns, rows) -%}
    {%- for row in rows %}
    select
        {%- for name, type in columns.items() %}
        cast({{ literal(row.get(name)) }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- else %}
    select
        {%- for name, type in columns.items() %}
        cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    where 1 = 0
    {%- endfor %}
{%- endmacro %}
