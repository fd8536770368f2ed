-- Places that deliver for themselves: the provider is the place's six-digit code.
with

regions as (
    select * from {{ ref('dim_region') }}
),

final as (
    select substring(region_code, 1, 6) as provider, region_code, name
    from regions
    where is_current and level in ('province', 'prefecture', 'county')
)

select * from final
