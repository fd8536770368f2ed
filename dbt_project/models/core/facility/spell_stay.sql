with final as (
    select
        delivered.stay_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.name_token,
        delivered.facility_code,
        delivered.bed_no,
        delivered.care_grade,
        delivered.checked_in_on as valid_from,
        delivered.checked_out_on as valid_to,
        delivered.payer,
        'facility_stay' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_facility_stay') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
