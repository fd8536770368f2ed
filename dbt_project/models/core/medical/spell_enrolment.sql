-- depends_on: {{ ref('int_person_renumbered') }}
{{ grows_by_batch(
    'medical_enrolment', ['person_key', 'insurance_kind', 'valid_from'], {'person_key': 'id_token'}
) }}
{%- set names = [
    'person_key', 'id_token', 'person_mask', 'id_form', 'insurance_kind', 'valid_from', 'valid_to',
    'region_code', 'ltci_insured', 'end_reason', 'dataset', 'batch_id', 'row_no', 'known_at',
] %}

with {{ arrivals('medical_enrolment', {'id_no_token': 'id_token'}) }},

mapped as (
    select
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.insurance_kind,
        delivered.valid_from,
        delivered.valid_to,
        delivered.region_code,
        delivered.ltci_insured,
        delivered.end_reason,
        'medical_enrolment' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from arrivals as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
    {% if adds_to_existing() -%}
    -- What two numbers of one person say is weighed again as a whole.
    union all
    select loaded.{{ names | join(', loaded.') }}
    from {{ this }} as loaded
    semi join {{ ref('int_person_renumbered') }} as renumbered
        on loaded.person_key = renumbered.person_key
    {%- endif %}
),

{{ merge_renumbered('mapped', ['person_key', 'insurance_kind', 'valid_from']) }}

select * from final
