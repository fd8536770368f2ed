with mapped as (
    select
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.kind,
        delivered.valid_from,
        delivered.valid_to,
        delivered.region_code,
        'special_difficulty' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_special_difficulty') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
),

{{ merge_renumbered('mapped', ['person_key', 'kind', 'valid_from']) }}

select * from final
