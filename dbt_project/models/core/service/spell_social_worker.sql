with final as (
    select
        delivered.certificate_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.region_code,
        delivered.organisation,
        delivered.level,
        delivered.valid_from,
        delivered.valid_to,
        'social_worker' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_social_worker') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
