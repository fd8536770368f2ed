with final as (
    select
        parcel_no,
        region_code,
        planned_year,
        planned_area,
        supplied_on,
        supplied_area,
        'land_supply' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_land_supply') }}
)

select * from final
