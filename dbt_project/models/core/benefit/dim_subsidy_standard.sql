with final as (
    select
        programme_code,
        region_code,
        valid_from,
        band,
        amount,
        unit,
        requires,
        min_age,
        min_grade,
        exclusion_group,
        stop_rule,
        valid_to,
        document_no,
        clause,
        'subsidy_standard' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_subsidy_standard') }}
)

select * from final
