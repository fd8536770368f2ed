with final as (
    select
        delivered.entry_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        coalesce(helped_renumbered.person_key, delivered.helped_id_no_token) as helped_key,
        delivered.helped_id_no_token as helped_token,
        delivered.helped_id_no_mask as helped_mask,
        delivered.served_on,
        delivered.hours,
        'volunteer_hours' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_volunteer_hours') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
    left join {{ ref('int_person_renumbered') }} as helped_renumbered
        on delivered.helped_id_no_token = helped_renumbered.id_token
)

select * from final
