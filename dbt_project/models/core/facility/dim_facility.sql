-- A monthly list is the state at its month's end, so its values hold from that month's first day;
-- those of the first list from the opening day. A month's last correction replaces the others.
{%- set lineage = ['batch_id', 'row_no', 'known_at'] -%}
{%- set told = [] -%}
{%- for column in dataset_specs()['facility']['columns'] -%}
    {%- if column.name not in lineage + ['facility_code'] -%}
        {%- do told.append(column.name) -%}
    {%- endif -%}
{%- endfor %}

with periods as (
    select *, split_part(batch_id, '.', 3) as period
    from {{ ref('stg_facility_version') }}
),

monthly as (
    select
        *,
        cast(substr(period || '-01-01', 1, 10) as date) as period_start,
        {{ row_text(told) }} as content
    from periods
    qualify row_number() over (
        partition by facility_code, period
        order by known_at desc, batch_id desc, row_no desc
    ) = 1
),

compared as (
    select
        *,
        lag(content) over (
            partition by facility_code order by period_start, period
        ) as content_before
    from monthly
),

steps as (
    select
        *,
        case
            when content_before is null then least(opened_on, period_start)
            else period_start
        end as valid_from
    from compared
    where content_before is null or content <> content_before
),

spans as (
    select
        *,
        lead(valid_from) over (
            partition by facility_code order by valid_from, period
        ) as valid_to
    from steps
),

final as (
    select
        facility_code,
        valid_from,
        valid_to,
        valid_to is null as is_current,
        {{ told | join(', ') }},
        'facility' as dataset,
        {{ lineage | join(', ') }}
    from spans
    where valid_to is null or valid_from < valid_to
)

select * from final
