with final as (
    select
        region_code,
        geometry,
        'region_boundary' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_region_boundary') }}
)

select * from final
