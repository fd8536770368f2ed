with final as (
    select
        region_code,
        year,
        fund,
        total_amount,
        eldercare_amount,
        'welfare_fund' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_welfare_fund') }}
)

select * from final
