{# Table expression: one row a committed batch, from the manifests beside the lake's data. #}
{% macro batch_manifests() %}{{ return(adapter.dispatch('batch_manifests')()) }}{% endmacro %}

{% macro batch_manifest_columns() -%}
    {{ return({
        'batch_id': 'varchar', 'dataset': 'varchar', 'provider': 'varchar', 'period': 'varchar',
        'mode': 'varchar', 'sequence': 'bigint', 'file': 'varchar', 'sha256': 'varchar',
        'delivered_at': 'timestamp', 'received_at': 'timestamp', 'rows_read': 'bigint',
        'rows_loaded': 'bigint', 'rows_quarantined': 'bigint',
    }) }}
{%- endmacro %}

{% macro duckdb__batch_manifests() -%}
    {%- set columns = batch_manifest_columns() -%}
    {%- set files = env_var('YINLING_LAKE') ~ '/*/*/manifest.json' -%}
    {%- set found = run_query("select count(*) from glob('" ~ files ~ "')") if execute -%}
    (
        {%- if execute and found.columns[0].values()[0] == 0 %}
        select
            {%- for name, type in columns.items() %}
            cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
            {%- endfor %}
        where false
        {%- else %}
        select *
        from read_json(
            '{{ files }}',
            columns = {
                {%- for name, type in columns.items() %}
                {{ name }}: '{{ type }}'{{ ',' if not loop.last }}
                {%- endfor %}
            }
        )
        {%- endif %}
    )
{%- endmacro %}

{% macro spark__batch_manifests() -%}
    (
        select
            {%- for name, type in batch_manifest_columns().items() %}
            cast({{ name }} as {{ 'string' if type == 'varchar' else type }}) as {{ name }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        from json.`{{ env_var('YINLING_LAKE') }}/*/*/manifest.json`
    )
{%- endmacro %}
