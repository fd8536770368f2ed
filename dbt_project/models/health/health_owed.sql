-- Months in which a provider owes a dataset: from its first period (for what counties deliver: any
-- county's first) to the month of the newest delivery. A county owes while its code is in force.
with

clock as (
    select cast(max(delivered_at) as date) as as_of from {{ ref('health_batch') }}
),

datasets as (
    select * from {{ ref('int_dataset') }}
),

counties as (
    select
        substring(region_code, 1, 6) as provider,
        substring(region_code, 1, 4) || '00' as prefecture,
        valid_from,
        valid_to
    from {{ ref('dim_region') }}
    where level = 'county'
),

begun as (
    select dataset, provider, min(month) as first_month
    from {{ ref('health_batch') }}
    group by dataset, provider
),

started as (
    select begun.dataset, min(begun.first_month) as first_month
    from begun
    inner join datasets on begun.dataset = datasets.dataset
    where datasets.granularity = 'county'
    group by begun.dataset
),

-- Where the prefecture delivers for a county, the prefecture owes; while there is such a county.
by_counties as (
    select
        started.dataset,
        case
            when own.provider is null and above.provider is not null then counties.prefecture
            else counties.provider
        end as provider,
        started.first_month,
        counties.valid_from,
        counties.valid_to
    from started
    cross join counties
    left join begun as own
        on started.dataset = own.dataset and counties.provider = own.provider
    left join begun as above
        on started.dataset = above.dataset and counties.prefecture = above.provider
),

expected as (
    select * from by_counties
    union all
    select
        begun.dataset,
        begun.provider,
        begun.first_month,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to
    from begun
    anti join by_counties
        on begun.dataset = by_counties.dataset and begun.provider = by_counties.provider
),

months as (
    select * from {{ month_series("'2000-01-01'", "'2099-12-01'") }} as months
),

final as (
    select
        expected.dataset,
        expected.provider,
        months.month_start as month,
        min(expected.first_month) as first_month,
        min(expected.valid_from) as there_from
    from expected
    cross join clock
    inner join months
        on
            months.month_start >= expected.first_month
            and months.month_start <= clock.as_of
            and (
                expected.valid_from is null
                or expected.valid_from <= last_day(months.month_start)
            )
            and (expected.valid_to is null or expected.valid_to > months.month_start)
    group by expected.dataset, expected.provider, months.month_start
)

select * from final
