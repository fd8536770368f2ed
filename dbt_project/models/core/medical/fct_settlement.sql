{{ grows_by_batch('medical_settlement', 'settlement_no', {'person_key': 'id_token'}) }}

with {{ arrivals('medical_settlement') }},

final as (
    select
        delivered.settlement_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.institution_code,
        delivered.visit_kind,
        delivered.admitted_at,
        delivered.discharged_at,
        delivered.diagnosis_code,
        delivered.outcome,
        delivered.total_amount,
        delivered.fund_amount,
        delivered.settled_at,
        'medical_settlement' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from arrivals as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
