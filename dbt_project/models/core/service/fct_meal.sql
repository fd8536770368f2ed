{{ grows_by_batch('meal_order', 'order_no', {'person_key': 'id_token'}) }}

with {{ arrivals('meal_order') }},

final as (
    select
        delivered.order_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.canteen_code,
        delivered.served_at,
        delivered.amount,
        delivered.subsidy_amount,
        'meal_order' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from arrivals as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
