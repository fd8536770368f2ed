-- Every month in which a provider has, or should have, data of a dataset, and what it should have.
with

clock as (
    select cast(max(delivered_at) as date) as as_of from {{ ref('health_batch') }}
),

datasets as (
    select * from {{ ref('int_dataset') }}
),

owed as (
    select * from {{ ref('health_owed') }}
),

begun as (
    select dataset, provider, min(month) as first_month
    from {{ ref('health_batch') }}
    group by dataset, provider
),

-- What came for a month in which nothing was owed is looked at all the same.
spanned as (
    select owed.*, true as is_expected from owed
    union all
    select
        came.dataset,
        came.provider,
        came.month,
        begun.first_month,
        cast(null as date) as there_from,
        false as is_expected
    from (select distinct dataset, provider, month from {{ ref('health_batch') }}) as came
    inner join begun on came.dataset = begun.dataset and came.provider = begun.provider
    cross join clock
    anti join owed
        on
            came.dataset = owed.dataset
            and came.provider = owed.provider
            and came.month = owed.month
    where came.month <= clock.as_of
),

dated as (
    select
        spanned.dataset,
        spanned.provider,
        spanned.month,
        {{ add_days('last_day(spanned.month)', 'datasets.latency_days') }} as due_on,
        spanned.first_month,
        spanned.there_from,
        spanned.is_expected,
        datasets.months as every,
        least(last_day(spanned.month), clock.as_of) as looked_at,
        clock.as_of,
        -- What is due on a day is what ended before this one.
        {{ add_days(
            'least(last_day(spanned.month), clock.as_of)', '-datasets.latency_days'
        ) }} as ended_before
    from spanned
    inner join datasets on spanned.dataset = datasets.dataset
    cross join clock
),

counted as (
    select
        dated.*,
        {{ months_apart('first_month', 'month') }} as nth_month,
        -- Months from the first period to the last that had ended before that day.
        {{ months_apart('first_month', 'ended_before') }} - 1 as months_ended
    from dated
),

wanted as (
    select
        *,
        -- Last day of the newest period that should be here on the day looked at.
        case
            when months_ended >= 0 then last_day(
                {{ add_months('first_month', 'months_ended - months_ended % every') }}
            )
        end as newest_through
    from counted
),

final as (
    select
        dataset,
        provider,
        month,
        looked_at,
        due_on,
        -- A county owes nothing of the time before there was that county.
        case
            when is_expected and (there_from is null or there_from <= newest_through)
                then newest_through
        end as wanted_through,
        is_expected and nth_month % every = 0 as is_owed,
        due_on < as_of as is_due
    from wanted
)

select * from final
