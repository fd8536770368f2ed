-- Every indicator's rows with value and status, before small counts are withheld. Not published.
with

cells as (
    {%- for name in indicator_models() %}
    select * from {{ ref(name) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

valued as (
    select
        cells.indicator_id,
        cells.region_code,
        cells.region_level,
        place.parent_code,
        cells.period_end,
        cells.period_kind,
        cells.numerator,
        cells.denominator,
        catalogue.unit,
        catalogue.value_kind,
        catalogue.part_of,
        case
            when catalogue.denominator_zh is null
                then cast(cells.numerator * catalogue.multiplier as decimal(18, 4))
            else {{ ratio('cells.numerator * catalogue.multiplier', 'cells.denominator') }}
        end as value,
        case
            when cells.numerator is null
                or (catalogue.denominator_zh is not null and cells.denominator is null)
                then 'not_delivered'
            when not cells.is_delivered then 'not_delivered'
            when catalogue.denominator_zh is not null and cells.denominator = 0
                then 'not_applicable'
            else 'ok'
        end as status_code,
        cells.data_through,
        cells.person_counts,
        cells.persons_in_denominator
    from cells
    inner join {{ ref('int_indicator') }} as catalogue
        on catalogue.indicator_id = cells.indicator_id
    inner join (
        select distinct region_code, parent_code from {{ ref('int_region_month') }}
    ) as place
        on place.region_code = cells.region_code
),

-- A prefecture or province of which no county has delivered has nothing to show either.
silent as (
    select
        above.ancestor_code as region_code,
        valued.indicator_id,
        valued.period_end,
        valued.period_kind
    from valued
    inner join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = valued.region_code
        and above.ancestor_level in ('prefecture', 'province')
    where valued.region_level = 'county'
    group by
        above.ancestor_code, valued.indicator_id, valued.period_end, valued.period_kind
    having min(case when valued.status_code = 'not_delivered' then 1 else 0 end) = 1
)

select
    valued.indicator_id,
    valued.region_code,
    valued.region_level,
    valued.parent_code,
    valued.period_end,
    valued.period_kind,
    valued.numerator,
    valued.denominator,
    valued.unit,
    valued.value_kind,
    valued.part_of,
    valued.data_through,
    valued.person_counts,
    valued.persons_in_denominator,
    case
        when silent.region_code is null and valued.status_code = 'ok' then valued.value
    end as value,
    case
        when silent.region_code is not null then 'not_delivered' else valued.status_code
    end as status_code
from valued
left join silent
    on silent.region_code = valued.region_code
    and silent.indicator_id = valued.indicator_id
    and silent.period_end = valued.period_end
    and silent.period_kind = valued.period_kind
