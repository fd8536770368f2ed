-- A standard ends on its delivered end day, or when the next one of its band begins, whichever
-- comes first.
with standards as (
    select
        *,
        lead(valid_from) over (
            partition by programme_code, region_code, band order by valid_from
        ) as next_valid_from
    from {{ ref('stg_subsidy_standard') }}
),

final as (
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
        least(valid_to, next_valid_from) as valid_to,
        document_no,
        clause,
        'subsidy_standard' as dataset,
        batch_id,
        row_no,
        known_at
    from standards
)

select * from final
