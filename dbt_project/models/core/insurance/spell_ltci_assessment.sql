-- The contract gives the last valid day; like all other spells, this one ends the day after.
with final as (
    select
        delivered.assessment_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.assessed_on as valid_from,
        {{ add_days('delivered.valid_to', 1) }} as valid_to,
        delivered.scheme,
        delivered.local_label,
        delivered.severity_rank,
        'ltci_assessment' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_ltci_assessment') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
