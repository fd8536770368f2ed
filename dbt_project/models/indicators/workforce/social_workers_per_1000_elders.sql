-- Living persons with a social worker's registration, to the hukou population aged 60 and over.
with

registered as (
    select person_key, region_code, valid_from, valid_to
    from {{ ref('spell_social_worker') }}
),

{{ count_persons('workers', 'registered') }},

elders as (
    select region_code, month_no, persons_60plus from {{ ref('int_hukou_population') }}
),

{{ indicator_rows(
    numerator=['workers', 'persons'],
    denominator=['elders', 'persons_60plus'],
    persons='both',
    dated_by=['social_worker', 'household_person'],
) }}

select * from indicator_rows
