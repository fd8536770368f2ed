with mapped as (
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
    from {{ ref('stg_medical_enrolment') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
),

{{ merge_renumbered('mapped', ['person_key', 'insurance_kind', 'valid_from']) }}

select * from final
