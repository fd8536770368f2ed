-- Up to which day each feed covers each region. A county's provider covers that county; a provider
-- without a division code (a province's department) covers all. A prefecture or province is covered
-- as far as its last county.
with

regions as (
    select distinct region_code, region_level from {{ ref('int_region_month') }}
),

delivered as (
    select dataset, provider, max(period_end) as data_through
    from {{ ref('int_batch') }}
    group by dataset, provider
),

counties as (
    select
        delivered.dataset,
        regions.region_code,
        max(delivered.data_through) as data_through
    from delivered
    inner join regions
        on regions.region_level = 'county'
        and (
            not {{ matches('delivered.provider', '^[0-9]{6}$') }}
            or regions.region_code = delivered.provider || '000000'
            or (
                delivered.provider like '____00'
                and substring(regions.region_code, 1, 4) = substring(delivered.provider, 1, 4)
            )
            or (
                delivered.provider like '__0000'
                and substring(regions.region_code, 1, 2) = substring(delivered.provider, 1, 2)
            )
        )
    group by delivered.dataset, regions.region_code
)

select
    counties.dataset,
    above.ancestor_code as region_code,
    min(counties.data_through) as data_through
from counties
inner join {{ ref('bridge_region_ancestor') }} as above
    on above.region_code = counties.region_code
    and above.ancestor_level in ('county', 'prefecture', 'province')
group by counties.dataset, above.ancestor_code
