{{ grows_by_batch(
    'ltci_claim', 'claim_no',
    {'person_key': 'id_token', 'worker_key': 'worker_token'},
) }}

with {{ arrivals('ltci_claim') }},

final as (
    select
        delivered.claim_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        coalesce(worker_renumbered.person_key, delivered.worker_id_no_token) as worker_key,
        delivered.worker_id_no_token as worker_token,
        delivered.worker_id_no_mask as worker_mask,
        delivered.provider_code,
        delivered.service_code,
        delivered.started_at,
        delivered.ended_at,
        delivered.fund_amount,
        delivered.self_amount,
        'ltci_claim' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from arrivals as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
    left join {{ ref('int_person_renumbered') }} as worker_renumbered
        on delivered.worker_id_no_token = worker_renumbered.id_token
)

select * from final
