with months as (
    select benefit_month as month_start
    from {{ ref('fct_payment') }}
    group by benefit_month
),

final as (
    select
        month_start,
        cast(last_day(month_start) as date) as month_end,
        cast(year(month_start) as integer) as year
    from months
)

select * from final
