-- Of the townships and streets of the day, those with an open facility of any kind, in the township
-- or in a village of it, that offers all four functions.
with

{{ facility_months('facilities') }},

months as (
    select distinct month_no, period_end from {{ ref('int_region_month') }}
),

places as (
    select
        region.region_code,
        region.level,
        region.parent_code,
        months.month_no
    from {{ ref('dim_region') }} as region
    inner join months
        on region.valid_from <= months.period_end
        and (region.valid_to is null or region.valid_to > months.period_end)
    where region.level in ('township', 'village')
),

comprehensive as (
    select distinct
        -- A code that no longer held on that day first goes to its successor.
        case places.level
            when 'township' then places.region_code
            when 'village' then places.parent_code
            else above.ancestor_code
        end as township_code,
        facilities.month_no
    from facilities
    left join places
        on places.region_code = facilities.region_code
        and places.month_no = facilities.month_no
    left join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = facilities.region_code
        and above.ancestor_level = 'township'
    where
        {{ list_has('facilities.functions', '全托') }}
        and {{ list_has('facilities.functions', '日托') }}
        and {{ list_has('facilities.functions', '上门') }}
        and {{ list_has('facilities.functions', '协调') }}
),

townships as (
    select
        places.region_code,
        places.month_no,
        1 as townships,
        case when comprehensive.township_code is not null then 1 else 0 end as covered
    from places
    left join comprehensive
        on comprehensive.township_code = places.region_code
        and comprehensive.month_no = places.month_no
    where places.level = 'township'
),

{{ climb('counts', 'townships', ['townships', 'covered']) }},

{{ indicator_rows(
    numerator=['counts', 'covered'],
    denominator=['counts', 'townships'],
    dated_by=['facility'],
) }}

select * from indicator_rows
