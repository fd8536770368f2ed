with final as (
    select
        inspection_no,
        facility_code,
        inspected_on,
        kind,
        random_drawn,
        departments,
        result,
        issues,
        rectified_on,
        result <> 'passed' and rectified_on is null as is_open,
        case
            when result <> 'passed' then {{ days_between('inspected_on', 'rectified_on') }}
        end as days_to_rectify,
        penalty,
        'facility_inspection' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_facility_inspection') }}
)

select * from final
