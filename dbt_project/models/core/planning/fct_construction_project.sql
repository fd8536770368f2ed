-- Only a completed project with a requirement is judged: before, nothing is due yet.
with final as (
    select
        project_no,
        region_code,
        kind,
        households,
        required_area,
        delivered_area,
        site_area,
        completed_on,
        four_sync,
        case
            when completed_on is not null and required_area > 0
                then delivered_area >= required_area
        end as meets_requirement,
        'construction_project' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_construction_project') }}
)

select * from final
