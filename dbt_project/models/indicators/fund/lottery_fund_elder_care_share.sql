-- Of the year's welfare lottery fund, the part for eldercare. No row for a year: not delivered.
with

months as (
    select distinct month_no, period_end from {{ ref('int_region_month') }}
),

funds as (
    select
        fund.region_code,
        months.month_no,
        fund.total_amount,
        fund.eldercare_amount
    from {{ ref('fct_welfare_fund') }} as fund
    inner join months
        on fund.year = year(months.period_end)
    where fund.fund = 'lottery'
),

{{ climb('amounts', 'funds', ['total_amount', 'eldercare_amount']) }},

{{ indicator_rows(
    numerator=['amounts', 'eldercare_amount'],
    denominator=['amounts', 'total_amount'],
    absent=none,
    dated_by=['welfare_fund'],
) }}

select * from indicator_rows
