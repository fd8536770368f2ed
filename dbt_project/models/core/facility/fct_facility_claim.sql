with final as (
    select
        facility_code,
        month,
        stay_no,
        claimed_days,
        claimed_grade,
        amount,
        'facility_claim' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_facility_claim') }}
)

select * from final
