with mapped as (
    select
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.institution_code,
        delivered.year,
        delivered.family_doctor_token is not null as has_family_doctor,
        delivered.family_doctor_token as doctor_token,
        delivered.family_doctor_mask as doctor_mask,
        delivered.health_check_done,
        'health_contract' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_health_contract') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
),

{{ merge_renumbered('mapped', ['person_key', 'institution_code', 'year']) }}

select * from final
