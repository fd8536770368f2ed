-- Up to which day each feed covers each region. A county's provider covers that county; a provider
-- without a division code (a province's department) covers all. A prefecture or province is covered
-- as far as its last county. What came before its period was over speaks up to the day it came.
with

regions as (
    select distinct region_code, region_level from {{ ref('int_region_month') }}
),

delivered as (
    select
        dataset,
        provider,
        max(least(period_end, cast(delivered_at as date))) as data_through
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
        and {{ delivers_for('delivered.provider', 'regions.region_code') }}
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
