-- Names of places for the pages of the auditors, who read one file only.
{{ config(alias='region') }}
select
    region_code,
    name,
    region_level,
    parent_code,
    province_code,
    prefecture_code,
    county_code,
    is_current
from {{ ref('region') }}
where region_level in ('province', 'prefecture', 'county')
