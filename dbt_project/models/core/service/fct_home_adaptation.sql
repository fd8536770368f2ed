with final as (
    select
        delivered.project_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.household_no_token as household_key,
        delivered.address_token,
        delivered.items,
        delivered.completed_on,
        delivered.total_amount,
        delivered.subsidy_amount,
        delivered.programme,
        delivered.invoice_no,
        delivered.photo_hash,
        'home_adaptation' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_home_adaptation') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
