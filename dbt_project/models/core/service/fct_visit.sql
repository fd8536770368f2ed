{{ grows_by_batch(
    'home_visit', 'visit_no',
    {'person_key': 'id_token', 'visitor_key': 'visitor_token'},
) }}

with {{ arrivals('home_visit') }},

final as (
    select
        delivered.visit_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        coalesce(visitor_renumbered.person_key, delivered.visitor_id_no_token) as visitor_key,
        delivered.visitor_id_no_token as visitor_token,
        delivered.visitor_id_no_mask as visitor_mask,
        delivered.visited_at,
        delivered.mode,
        delivered.result,
        delivered.longitude,
        delivered.latitude,
        'home_visit' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from arrivals as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
    left join {{ ref('int_person_renumbered') }} as visitor_renumbered
        on delivered.visitor_id_no_token = visitor_renumbered.id_token
)

select * from final
