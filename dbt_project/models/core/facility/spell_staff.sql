with mapped as (
    select
        delivered.facility_code,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.hired_on as valid_from,
        delivered.left_on as valid_to,
        delivered.role,
        delivered.certificate_no_token as certificate_token,
        delivered.certificate_no_mask as certificate_mask,
        delivered.certificate_grade,
        delivered.prejob_trained,
        'facility_staff' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_facility_staff') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
),

{{ merge_renumbered('mapped', ['facility_code', 'person_key', 'valid_from']) }}

select * from final
