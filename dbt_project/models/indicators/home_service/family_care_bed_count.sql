-- Family care beds in place, of living persons, where the person lives.
with

beds as (
    select bed_no, person_key, valid_from, valid_to from {{ ref('spell_family_bed') }}
),

{{ residences_of('homes', 'beds') }},

months as (
    select distinct month_no, period_end from {{ ref('int_region_month') }}
),

placed as (
    select
        homes.residence_region_code as region_code,
        months.month_no,
        1 as beds
    from beds
    inner join months
        on beds.valid_from <= months.period_end
        and (beds.valid_to is null or beds.valid_to > months.period_end)
    inner join homes
        on homes.person_key = beds.person_key
        and (homes.valid_from is null or homes.valid_from <= months.period_end)
        and (homes.valid_to is null or homes.valid_to > months.period_end)
    left join {{ ref('fct_death') }} as dead
        on dead.person_key = beds.person_key
        and dead.is_confirmed
        and not dead.is_contested
    where dead.death_date is null or dead.death_date > months.period_end
),

{{ climb('counts', 'placed', ['beds']) }},

{{ indicator_rows(numerator=['counts', 'beds'], dated_by=['family_bed']) }}

select * from indicator_rows
