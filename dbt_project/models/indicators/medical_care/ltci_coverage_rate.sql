-- Of the living persons enrolled in basic medical insurance, those insured for long-term care.
with

enrolled as (
    select person_key, region_code, valid_from, valid_to, ltci_insured
    from {{ ref('spell_enrolment') }}
),

{{ count_persons('members', 'enrolled', part='ltci_insured') }},

{{ indicator_rows(
    numerator=['members', 'ltci_insured'],
    denominator=['members', 'persons'],
    persons='both',
    dated_by=['medical_enrolment'],
) }}

select * from indicator_rows
