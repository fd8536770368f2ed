-- Hukou population by age: living persons who have not moved out, where their hukou is, on every
-- month's last day. Persons of one county who were born in the same month and came and went in the
-- same months are counted once, as a group; a group's interval in each age band becomes +1 and -1.
with

bands as (
    select * from (
        values (0, 60), (60, 65), (65, 70), (70, 75), (75, 80), (80, 85), (85, 90), (90, 95),
            (95, 100), (100, 200)
    ) as ages (age_from, age_to)
),

bounds as (
    select min(month_no) as first_month, max(month_no) as last_month
    from {{ ref('int_region_month') }}
),

persons as (
    select
        person.hukou_region_code as region_code,
        person.sex,
        person.birth_date,
        greatest(
            coalesce({{ month_number('person.valid_from') }}, bounds.first_month),
            bounds.first_month
        ) as month_in,
        least(
            coalesce({{ month_number('person.valid_to') }}, bounds.last_month + 1),
            coalesce({{ month_number('dead.death_date') }}, bounds.last_month + 1),
            bounds.last_month + 1
        ) as month_out
    from {{ ref('dim_person') }} as person
    cross join bounds
    left join {{ ref('fct_death') }} as dead
        on dead.person_key = person.person_key
        and dead.is_confirmed
        and not dead.is_contested
    where coalesce(person.status, 'normal') != 'moved_out'
),

-- The day of birth only matters for 29 February.
alike as (
    select
        coalesce(county.ancestor_code, persons.region_code) as region_code,
        persons.sex,
        case
            when month(persons.birth_date) = 2 and day(persons.birth_date) = 29
                then persons.birth_date
            else {{ month_start('persons.birth_date') }}
        end as birth_date,
        persons.month_in,
        persons.month_out,
        count(*) as persons
    from persons
    left join {{ ref('bridge_region_ancestor') }} as county
        on county.region_code = persons.region_code
        and county.ancestor_level = 'county'
    where persons.month_in < persons.month_out
    group by all
),

aged as (
    select
        alike.region_code,
        alike.sex,
        bands.age_from,
        greatest(
            alike.month_in, {{ month_of_age('alike.birth_date', 'bands.age_from') }}
        ) as month_in,
        least(
            alike.month_out, {{ month_of_age('alike.birth_date', 'bands.age_to') }}
        ) as month_out,
        alike.persons
    from alike
    cross join bands
    -- Somebody without a birth date is a person, but not of any age above the first.
    where alike.birth_date is not null or bands.age_from = 0
),

counted as (
    select region_code, sex, age_from, month_in, month_out, sum(persons) as persons
    from aged
    where month_in < month_out
    group by region_code, sex, age_from, month_in, month_out
),

climbed as (
    select
        above.ancestor_code as region_code,
        counted.month_in,
        counted.month_out,
        counted.persons,
        case when counted.age_from >= 60 then counted.persons else 0 end as persons_60plus,
        case when counted.age_from >= 65 then counted.persons else 0 end as persons_65plus,
        case when counted.age_from >= 80 then counted.persons else 0 end as persons_80plus,
        case when counted.age_from >= 100 then counted.persons else 0 end as persons_100plus,
        case when counted.age_from >= 60 and counted.sex = '2' then counted.persons else 0
        end as women_60plus
    from counted
    inner join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = counted.region_code
        and above.ancestor_level in ('county', 'prefecture', 'province')
),

{{ running_stock('population', 'climbed', [
    'persons', 'persons_60plus', 'persons_65plus', 'persons_80plus', 'persons_100plus',
    'women_60plus',
]) }}

select * from population
