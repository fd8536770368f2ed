{#
    What landing says about bad deliveries: counts and reasons, never a delivered value. Table
    expressions over files stand in macros/dialect, because the engines read files differently.
#}

{# One row a batch, column and reason: how many rows were refused. #}
{% macro manifest_refusals() %}{{ return(adapter.dispatch('manifest_refusals')()) }}{% endmacro %}
{% macro duckdb__manifest_refusals() -%}
    (
        select
            batch_id,
            delivered_at,
            refusal."column" as column_name,
            refusal.reason,
            cast(refusal."rows" as bigint) as refused_rows
        from (
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
            from {{ json_files(env_var('YINLING_LAKE') ~ '/*/*/manifest.json', {
                'batch_id': 'varchar', 'delivered_at': 'timestamp', 'replay_of': 'varchar',
                'rows_quarantined': 'bigint',
                'refused_by': 'struct("column" varchar, reason varchar, "rows" bigint)[]',
            }) }}
            where replay_of is null
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

{# One row a receipt; of those with status `rejected` nothing was loaded. #}
{% macro receipt_rows() -%}
    {{ json_files(env_var('YINLING_HOME') ~ '/receipts/*/*.json', receipt_columns()) }}
{%- endmacro %}

{% macro receipt_columns() -%}
    {{ return({
        'batch_id': 'varchar', 'dataset': 'varchar', 'provider': 'varchar', 'period': 'varchar',
        'mode': 'varchar', 'sequence': 'bigint', 'sha256': 'varchar',
        'delivered_at': 'timestamp', 'status': 'varchar', 'reason': 'varchar',
    }) }}
{%- endmacro %}
