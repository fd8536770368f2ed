with checked as (
    select
        delivered.*,
        row_number() over (
            partition by delivered.household_no_token
            order by delivered.checked_on desc nulls last
        ) as from_last
    from {{ ref('stg_asset_check') }} as delivered
),

final as (
    select
        checked.household_no_token as household_key,
        checked.checked_on,
        checked.from_last = 1 as is_latest,
        checked.vehicles,
        checked.homes,
        checked.companies,
        checked.deposit_amount,
        checked.monthly_income_per_head,
        'asset_check' as dataset,
        checked.batch_id,
        checked.row_no,
        checked.known_at
    from checked
)

select * from final
