{{ config(materialized='view') }}

with final as (
    select
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.*
    from ({{ typed_rows('household_person') }}) as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
