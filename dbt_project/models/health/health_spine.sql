-- Every month in which a provider has, or should have, data of a dataset: from its first period
-- (for what counties deliver: any county's first) to the month of the newest delivery.
with

clock as (
    select cast(max(delivered_at) as date) as as_of from {{ ref('health_batch') }}
),

datasets as (
    select * from {{ ref('int_dataset') }}
),

counties as (
    select distinct substring(region_code, 1, 6) as provider
    from {{ ref('dim_region') }}
    where is_current and level = 'county'
),

begun as (
    select dataset, provider, min(month) as first_month
    from {{ ref('health_batch') }}
    group by dataset, provider
),

by_counties as (
    select begun.dataset, min(begun.first_month) as first_month
    from begun
    inner join counties on begun.provider = counties.provider
    group by begun.dataset
),

expected as (
    select by_counties.dataset, counties.provider, by_counties.first_month
    from by_counties
    cross join counties
    union
    select begun.dataset, begun.provider, begun.first_month
    from begun
    anti join counties on begun.provider = counties.provider
),

months as (
    select * from {{ month_series("'2000-01-01'", "'2099-12-01'") }} as months
),

dated as (
    select
        expected.dataset,
        expected.provider,
        months.month_start as month,
        {{ add_days('last_day(months.month_start)', 'datasets.latency_days') }} as due_on,
        expected.first_month,
        datasets.months as every,
        least(last_day(months.month_start), clock.as_of) as looked_at,
        clock.as_of,
        -- What is due on a day is what ended before this one.
        {{ add_days(
            'least(last_day(months.month_start), clock.as_of)', '-datasets.latency_days'
        ) }} as ended_before
    from expected
    inner join datasets on expected.dataset = datasets.dataset
    cross join clock
    inner join months
        on
            months.month_start >= expected.first_month
            and months.month_start <= clock.as_of
),

counted as (
    select
        dated.*,
        {{ months_apart('first_month', 'month') }} as nth_month,
        -- Months from the first period to the last that had ended before that day.
        {{ months_apart('first_month', 'ended_before') }} - 1 as months_ended
    from dated
),

final as (
    select
        dataset,
        provider,
        month,
        looked_at,
        due_on,
        -- Last day of the newest period that should be here on the day looked at.
        case
            when months_ended >= 0 then last_day(
                {{ add_months('first_month', 'months_ended - months_ended % every') }}
            )
        end as wanted_through,
        nth_month % every = 0 as is_owed,
        due_on < as_of as is_due
    from counted
)

select * from final
