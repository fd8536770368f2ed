with final as (
    select
        facility_code,
        year,
        prepaid_balance,
        net_assets,
        income,
        subsidy_income,
        food_spend,
        utility_spend,
        'facility_finance' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_facility_finance') }}
)

select * from final
