{#
    What the manifests beside the lake's data say. Table expressions over files stand here, because
    the engines read files differently.
#}

{# One row a committed batch, replays of the quarantine among them (`replay_of` is set). #}
{% macro manifest_rows() -%}
    {{ json_files(env_var('YINLING_LAKE') ~ '/*/*/manifest.json', manifest_columns()) }}
{%- endmacro %}

{% macro manifest_columns() -%}
    {{ return({
        'batch_id': 'varchar', 'dataset': 'varchar', 'provider': 'varchar', 'period': 'varchar',
        'mode': 'varchar', 'sequence': 'bigint', 'file': 'varchar', 'sha256': 'varchar',
        'delivered_at': 'timestamp', 'received_at': 'timestamp', 'rows_read': 'bigint',
        'rows_loaded': 'bigint', 'rows_quarantined': 'bigint', 'replay_of': 'varchar',
        'cursor': 'varchar',
    }) }}
{%- endmacro %}

{# One row a JSON file of the pattern, in columns name → type; none while there is no file. #}
{% macro json_files(files, columns) -%}
    {{ return(adapter.dispatch('json_files')(files, columns)) }}
{%- endmacro %}

{% macro duckdb__json_files(files, columns) -%}
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

{% macro spark__json_files(files, columns) -%}
    (
        select
            {%- for name, type in columns.items() %}
            cast({{ name }} as {{ 'string' if type == 'varchar' else type }}) as {{ name }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        from json.`{{ files }}`
    )
{%- endmacro %}

{#
    Keys of rows that were delivered but refused: one row a batch and key, as text. A full delivery
    that lists a thing in a row which cannot be taken has not dropped it.
#}
{% macro refused_keys() %}{{ return(adapter.dispatch('refused_keys')()) }}{% endmacro %}

{% macro duckdb__refused_keys() -%}
    {%- set files = env_var('YINLING_LAKE') ~ '/*/*/held.parquet' -%}
    {%- set found = run_query("select count(*) from glob('" ~ files ~ "')") if execute -%}
    (
        {%- if execute and found.columns[0].values()[0] == 0 %}
        select cast(null as varchar) as batch_id, cast(null as varchar) as key where false
        {%- else %}
        select string_split(filename, '/')[-2] as batch_id, key from read_parquet('{{ files }}')
        {%- endif %}
    )
{%- endmacro %}

{% macro spark__refused_keys() -%}
    (
        select element_at(split(_metadata.file_path, '/'), -2) as batch_id, key
        from parquet.`{{ env_var('YINLING_LAKE') }}/*/*/held.parquet`
    )
{%- endmacro %}

{# Condition: row `r` of the lake lies in batch `b` of `lake_batches()`. #}
{% macro in_batch(r, b) %}{{ return(adapter.dispatch('in_batch')(r, b)) }}{% endmacro %}
{% macro duckdb__in_batch(r, b) %}{{ r }}.filename = {{ b }}.file{% endmacro %}
{% macro spark__in_batch(r, b) -%}
    element_at(split({{ r }}._metadata.file_path, '/'), -2) = {{ b }}.batch_id
{%- endmacro %}

{# The batches that this run sees: columns as `placed_batches` gives them. #}
{% macro lake_batches() %}{{ return(adapter.dispatch('lake_batches')()) }}{% endmacro %}
{% macro duckdb__lake_batches() %}staging.lake_batch{% endmacro %}
{% macro spark__lake_batches() %}({{ placed_batches() }}){% endmacro %}

{# Keys that outlive their batch: columns as `kept_keys` gives them. #}
{% macro lake_kept_keys() %}{{ return(adapter.dispatch('lake_kept_keys')()) }}{% endmacro %}
{% macro duckdb__lake_kept_keys() %}staging.kept_key{% endmacro %}
{% macro spark__lake_kept_keys() %}({{ kept_keys() }}){% endmacro %}
