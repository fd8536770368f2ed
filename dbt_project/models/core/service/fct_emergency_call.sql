{{ grows_by_batch('emergency_call', 'call_no', {'person_key': 'id_token'}) }}

with {{ arrivals('emergency_call') }},

final as (
    select
        delivered.call_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.called_at,
        delivered.answered_at,
        delivered.arrived_at,
        delivered.outcome,
        delivered.outcome = 'test' as is_test,
        {{ seconds_between('delivered.called_at', 'delivered.answered_at') }} as seconds_to_answer,
        {{ seconds_between('delivered.called_at', 'delivered.arrived_at') }} as seconds_to_arrive,
        'emergency_call' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from arrivals as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
