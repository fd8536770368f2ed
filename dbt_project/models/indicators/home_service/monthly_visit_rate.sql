-- Of the living persons on the register of special difficulty, those visited in the month.
with

registered as (
    select person_key, region_code, valid_from, valid_to
    from {{ ref('spell_special_difficulty') }}
),

{{ count_persons('register', 'registered') }},

visits as (
    select distinct person_key, {{ month_number('visited_at') }} as month_no
    from {{ ref('fct_visit') }}
),

visited as (
    select registered.person_key, registered.region_code, visits.month_no
    from visits
    inner join registered
        on registered.person_key = visits.person_key
        and visits.month_no >= {{ month_number('registered.valid_from') }}
        and (
            registered.valid_to is null
            or visits.month_no < {{ month_number('registered.valid_to') }}
        )
),

{{ count_persons_seen('reached', 'visited') }},

{{ indicator_rows(
    numerator=['reached', 'persons'],
    denominator=['register', 'persons'],
    persons='both',
    dated_by=['special_difficulty', 'home_visit'],
    flows=['home_visit'],
) }}

select * from indicator_rows
