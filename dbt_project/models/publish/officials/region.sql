-- Regions of today, and retired codes with their last name, one row a code.
with

latest as (
    select *
    from {{ ref('dim_region') }}
    where is_latest
),

above as (
    select
        region_code,
        max(case when ancestor_level = 'province' then ancestor_code end) as province_code,
        max(case when ancestor_level = 'prefecture' then ancestor_code end) as prefecture_code,
        max(case when ancestor_level = 'county' then ancestor_code end) as county_code,
        max(case when ancestor_level = 'township' then ancestor_code end) as township_code
    from {{ ref('bridge_region_ancestor') }}
    group by region_code
),

final as (
    select
        latest.region_code,
        latest.name,
        latest.level as region_level,
        latest.parent_code,
        above.province_code,
        above.prefecture_code,
        above.county_code,
        above.township_code,
        latest.urban_rural,
        latest.valid_from,
        latest.valid_to,
        latest.is_current,
        latest.successor_codes
    from latest
    left join above
        on above.region_code = latest.region_code
)

select * from final
