-- A monthly list is the state at its month's end, so its values hold from that month's first day;
-- those of the first list from the opening day. A month's last correction replaces the others;
-- what a later full list of the same month no longer names was never so.
-- A facility that its county's full list no longer names, with no end told, ends with that list.
{%- set lineage = ['batch_id', 'row_no', 'known_at'] -%}
{%- set told = [] -%}
{%- for column in dataset_specs()['facility']['columns'] -%}
    {%- if column.name not in lineage + ['facility_code'] -%}
        {%- do told.append(column.name) -%}
    {%- endif -%}
{%- endfor %}

with withdrawn as (
    select told.facility_code, told.batch_id
    from {{ ref('stg_facility_version') }} as told
    inner join {{ lake_batches() }} as own on told.batch_id = own.batch_id
    inner join {{ lake_batches() }} as later
        on
            own.dataset = later.dataset
            and own.provider = later.provider
            and own.period = later.period
            and own.place < later.place
            and later.replaces
    -- A row that was listed and refused has not been dropped.
    left join {{ refused_keys() }} as refused
        on later.batch_id = refused.batch_id and told.facility_code = refused.key
    where refused.key is null
),

periods as (
    select told.*, split_part(told.batch_id, '.', 3) as period
    from {{ ref('stg_facility_version') }} as told
    anti join withdrawn
        on told.facility_code = withdrawn.facility_code and told.batch_id = withdrawn.batch_id
),

monthly as (
    select
        *,
        cast(substr(period || '-01-01', 1, 10) as date) as period_start,
        period = max(period) over (partition by facility_code) as is_newest,
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

dropped as (
    select
        newest.facility_code,
        min(cast(substr(later.period || '-01-01', 1, 10) as date)) as dropped_on
    from monthly as newest
    anti join {{ ref('stg_facility') }} as standing
        on newest.facility_code = standing.facility_code
    inner join {{ lake_batches() }} as own on newest.batch_id = own.batch_id
    inner join {{ lake_batches() }} as later
        on
            own.dataset = later.dataset
            and own.scope = later.scope
            and own.place < later.place
            and later.replaces
    where newest.is_newest
    group by newest.facility_code
),

ended as (
    select
        spans.*,
        coalesce(spans.valid_to, dropped.dropped_on) as ends_on
    from spans
    left join dropped on spans.facility_code = dropped.facility_code
),

final as (
    select
        facility_code,
        valid_from,
        ends_on as valid_to,
        ends_on is null as is_current,
        {{ told | join(', ') }},
        'facility' as dataset,
        {{ lineage | join(', ') }}
    from ended
    where ends_on is null or valid_from < ends_on
)

select * from final
