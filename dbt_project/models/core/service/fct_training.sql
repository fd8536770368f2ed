with final as (
    select
        delivered.record_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.course,
        delivered.organiser,
        delivered.kind,
        delivered.started_on,
        delivered.ended_on,
        delivered.hours,
        delivered.certificate_no_token as certificate_key,
        delivered.subsidy_amount,
        'training_record' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_training_record') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
