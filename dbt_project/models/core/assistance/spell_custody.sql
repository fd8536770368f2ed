-- Sentences served and compulsory rehabilitation stop a benefit; probation, parole and medical
-- parole never do, remand only once there is a sentence.
with mapped as (
    select
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.started_on as valid_from,
        delivered.ended_on as valid_to,
        delivered.kind,
        delivered.kind in ('prison', 'compulsory_rehab') as stops_benefits,
        'custody_period' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_custody_period') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
),

{{ merge_renumbered('mapped', ['person_key', 'valid_from']) }}

select * from final
