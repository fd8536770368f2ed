{#
    What landing says about bad deliveries: counts and reasons, never a delivered value. Table
    expressions over files stand in macros/dialect, because the engines read files differently.
#}

{# One row a batch, column and reason: how many rows were refused. #}
{% macro manifest_refusals() %}{{ return(adapter.dispatch('manifest_refusals')()) }}{% endmacro %}
{% macro duckdb__manifest_refusals() -%}
    {%- set files = env_var('YINLING_LAKE') ~ '/*/*/manifest.json' -%}
    {%- set found = run_query("select count(*) from glob('" ~ files ~ "')") if execute -%}
    (
        select
            batch_id,
            delivered_at,
            refusal."column" as column_name,
            refusal.reason,
            cast(refusal."rows" as bigint) as refused_rows
        from (
            {%- if execute and found.columns[0].values()[0] == 0 %}
            select
                cast(null as varchar) as batch_id,
                cast(null as timestamp) as delivered_at,
                cast(null as struct("column" varchar, reason varchar, "rows" bigint)) as refusal
            where false
            {%- else %}
            select
                batch_id,
                delivered_at,
                unnest(
                    case
                        when refused_by is null and rows_quarantined > 0 then [{
                            'column': '', 'reason': 'not_recorded', 'rows': rows_quarantined
                        }]
                        else refused_by
                    end
                ) as refusal
            from read_json(
                '{{ files }}',
                columns = {
                    batch_id: 'varchar', delivered_at: 'timestamp', replay_of: 'varchar',
                    rows_quarantined: 'bigint',
                    refused_by: 'struct("column" varchar, reason varchar, "rows" bigint)[]'
                }
            )
            where replay_of is null
            {%- endif %}
        )
    )
{%- endmacro %}
{% macro spark__manifest_refusals() -%}
    (
        select batch_id, delivered_at, refusal.column as column_name, refusal.reason,
            cast(refusal.rows as bigint) as refused_rows
        from (
            select batch_id, cast(delivered_at as timestamp) as delivered_at,
                explode(from_json(
                    to_json(refused_by), 'array<struct<column:string,reason:string,rows:bigint>>'
                )) as refusal
            from json.`{{ env_var('YINLING_LAKE') }}/*/*/manifest.json`
            where replay_of is null
        )
    )
{%- endmacro %}

{# One row a delivery that was refused whole, from the receipts. #}
{% macro rejected_receipts() %}{{ return(adapter.dispatch('rejected_receipts')()) }}{% endmacro %}
{% macro receipt_columns() -%}
    {{ return({
        'batch_id': 'varchar', 'dataset': 'varchar', 'provider': 'varchar', 'period': 'varchar',
        'mode': 'varchar', 'sequence': 'bigint', 'sha256': 'varchar',
        'delivered_at': 'timestamp', 'status': 'varchar', 'reason': 'varchar',
    }) }}
{%- endmacro %}
{% macro duckdb__rejected_receipts() -%}
    {%- set files = env_var('YINLING_HOME') ~ '/receipts/*/*.json' -%}
    {%- set found = run_query("select count(*) from glob('" ~ files ~ "')") if execute -%}
    (
        {%- if execute and found.columns[0].values()[0] == 0 %}
        select
            {%- for name, type in receipt_columns().items() %}
            cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
            {%- endfor %}
        where false
        {%- else %}
        select *
        from read_json(
            '{{ files }}',
            columns = {
                {%- for name, type in receipt_columns().items() %}
                {{ name }}: '{{ type }}'{{ ',' if not loop.last }}
                {%- endfor %}
            }
        )
        where status = 'rejected'
        {%- endif %}
    )
{%- endmacro %}
{% macro spark__rejected_receipts() -%}
    (
        select
            {%- for name, type in receipt_columns().items() %}
            cast({{ name }} as {{ 'string' if type == 'varchar' else type }}) as {{ name }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        from json.`{{ env_var('YINLING_HOME') }}/receipts/*/*.json`
        where status = 'rejected'
    )
{%- endmacro %}
