-- Living persons with a stay in a public institution, to the beds of the public institutions.
-- A publicly owned, privately run institution (公建民营) is public.
with

{{ facility_months('facilities') }},

public_institutions as (
    select * from facilities
    where is_institution and ownership in ('public', 'public_private_run')
),

residents as (
    select stay.person_key, place.region_code, place.month_no
    from {{ ref('spell_stay') }} as stay
    inner join public_institutions as place
        on place.facility_code = stay.facility_code
        and place.month_no >= {{ month_number('stay.valid_from') }}
        and (
            stay.valid_to is null
            or place.month_no < {{ month_number('stay.valid_to') }}
        )
),

{{ count_persons_seen('resident_counts', 'residents') }},

{{ climb('beds', 'public_institutions', ['beds_total']) }},

{{ indicator_rows(
    numerator=['resident_counts', 'persons'],
    denominator=['beds', 'beds_total'],
    persons='numerator',
    dated_by=['facility', 'facility_stay'],
) }}

select * from indicator_rows
