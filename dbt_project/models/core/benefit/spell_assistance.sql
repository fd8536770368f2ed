with mapped as (
    select
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.category,
        delivered.valid_from,
        delivered.valid_to,
        delivered.household_no_token as household_key,
        delivered.care_mode,
        delivered.self_care,
        delivered.wants_institution,
        delivered.region_code,
        'assistance_member' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_assistance_member') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
),

{{ merge_renumbered('mapped', ['person_key', 'category', 'valid_from']) }}

select * from final
