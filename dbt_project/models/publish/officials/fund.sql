-- The welfare funds of the month's year: each month repeats the year's figure, it never adds up.
with

months as (
    select distinct month_no, period_end from {{ ref('int_region_month') }}
),

funds as (
    select
        fund.region_code,
        months.month_no,
        fund.fund,
        fund.total_amount,
        fund.eldercare_amount
    from {{ ref('fct_welfare_fund') }} as fund
    inner join months
        on fund.year = year(months.period_end)
),

final as (
    select
        spine.region_code,
        spine.region_level,
        spine.period_end as month,
        cast(year(spine.period_end) as integer) as year,
        funds.fund,
        cast(sum(funds.total_amount) as decimal(18, 2)) as total_amount,
        cast(sum(funds.eldercare_amount) as decimal(18, 2)) as eldercare_amount
    from funds
    inner join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = funds.region_code
    inner join {{ ref('int_region_month') }} as spine
        on spine.region_code = above.ancestor_code
        and spine.month_no = funds.month_no
    group by spine.region_code, spine.region_level, spine.period_end, funds.fund
)

select * from final
