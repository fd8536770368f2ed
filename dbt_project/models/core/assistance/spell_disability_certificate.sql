-- The contract gives the last valid day; like all other spells, this one ends the day after.
-- Frozen is not void: a certificate under review still counts.
with final as (
    select
        delivered.certificate_no_token as certificate_key,
        delivered.certificate_no_mask as certificate_mask,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.kind,
        delivered.grade,
        delivered.valid_from,
        {{ add_days('delivered.valid_to', 1) }} as valid_to,
        delivered.status,
        delivered.status in ('expired', 'cancelled', 'replaced') as is_void,
        'disability_certificate' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_disability_certificate') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
