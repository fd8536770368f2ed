-- Every figure stands for one of these: a county, prefecture or province of today, and a month.
select
    region.region_code,
    region.level as region_level,
    region.name,
    region.parent_code,
    month.month_start,
    month.month_end as period_end,
    {{ month_number('month.month_start') }} as month_no
from {{ ref('dim_region') }} as region
cross join {{ ref('dim_month') }} as month
where region.is_current and region.level in ('county', 'prefecture', 'province')
