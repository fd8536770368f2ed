-- How many payments of a programme a county has delivered for a month, beside its fullest month:
-- rules about what is missing ask here whether the feed itself is.
with

counted as (
    select region_code, programme_code, benefit_month, count(*) as payments
    from {{ ref('fct_payment') }}
    group by region_code, programme_code, benefit_month
),

monthly as (
    select
        {{ county('c.region_code') }} as county_code,
        c.programme_code,
        c.benefit_month as month,
        sum(c.payments) as payments
    from counted as c
    {{ join_county('c.region_code') }}
    group by {{ county('c.region_code') }}, c.programme_code, c.benefit_month
)

select
    county_code,
    programme_code,
    month,
    cast(payments as bigint) as payments,
    cast(max(payments) over (partition by county_code, programme_code) as bigint)
        as most_payments
from monthly
