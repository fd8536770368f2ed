-- Visits, service orders, family beds and adapted homes, monthly. Orders are counted where the
-- person lived on the day.
with

{{ published_figures('figures', {
    'persons_registered': ['monthly_visit_rate', 'denominator'],
    'persons_visited': ['monthly_visit_rate', 'numerator'],
    'family_beds': ['family_care_bed_count', 'numerator'],
    'households_adapted': ['home_adaptation_households', 'numerator'],
}) }},

orders as (
    select
        person_key,
        cast(started_at as date) as served_on,
        {{ month_number('started_at') }} as month_no,
        count(*) as service_orders,
        sum(subsidy_amount) as subsidy_amount
    from {{ ref('fct_service_order') }}
    group by person_key, cast(started_at as date), {{ month_number('started_at') }}
),

{{ residences_of('homes', 'orders') }},

placed as (
    select
        homes.residence_region_code as region_code,
        orders.month_no,
        orders.service_orders,
        orders.subsidy_amount
    from orders
    inner join homes
        on homes.person_key = orders.person_key
        and (homes.valid_from is null or homes.valid_from <= orders.served_on)
        and (homes.valid_to is null or homes.valid_to > orders.served_on)
),

{{ climb('counts', 'placed', ['service_orders', 'subsidy_amount']) }},

final as (
    select
        figures.region_code,
        figures.region_level,
        figures.month,
        figures.persons_registered,
        figures.persons_visited,
        figures.family_beds,
        figures.households_adapted,
        cast(coalesce(counts.service_orders, 0) as bigint) as service_orders,
        cast(coalesce(counts.subsidy_amount, 0) as decimal(18, 2)) as service_subsidy_amount,
        figures.status_code,
        figures.data_through
    from figures
    left join counts
        on counts.region_code = figures.region_code
        and counts.month_no = {{ month_number('figures.month') }}
)

select * from final
