-- Households whose home has been adapted, all years together, where the person lived on completion.
with

projects as (
    select person_key, household_key, completed_on from {{ ref('fct_home_adaptation') }}
    where completed_on is not null and household_key is not null
),

{{ residences_of('homes', 'projects') }},

bounds as (
    select min(month_no) as first_month, max(month_no) as last_month
    from {{ ref('int_region_month') }}
),

first_done as (
    select
        above.ancestor_code as region_code,
        projects.household_key,
        min({{ month_number('projects.completed_on') }}) as month_no
    from projects
    inner join homes
        on homes.person_key = projects.person_key
        and (homes.valid_from is null or homes.valid_from <= projects.completed_on)
        and (homes.valid_to is null or homes.valid_to > projects.completed_on)
    inner join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = homes.residence_region_code
        and above.ancestor_level in ('county', 'prefecture', 'province')
    group by above.ancestor_code, projects.household_key
),

done as (
    select
        first_done.region_code,
        greatest(first_done.month_no, bounds.first_month) as month_in,
        bounds.last_month + 1 as month_out,
        count(*) as households
    from first_done
    cross join bounds
    group by
        first_done.region_code, first_done.month_no, bounds.first_month, bounds.last_month
),

{{ running_stock('counts', 'done', ['households']) }},

{{ indicator_rows(numerator=['counts', 'households'], dated_by=['home_adaptation']) }}

select * from indicator_rows
