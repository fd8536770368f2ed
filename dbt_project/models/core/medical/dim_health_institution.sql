with final as (
    select
        delivered.institution_code,
        delivered.name,
        delivered.kind,
        delivered.kind in ('community_health_centre', 'township_health_centre') as is_primary_care,
        delivered.region_code,
        delivered.geriatric_dept,
        delivered.green_channel,
        delivered.hospice,
        'health_institution' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_health_institution') }} as delivered
)

select * from final
