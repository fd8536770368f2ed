{{ config(materialized='view') }}

with final as (
    select
        person_key as id_token,
        person_key,
        'self' as via
    from {{ ref('dim_person') }}
    where is_current
    union all
    select
        id_token,
        person_key,
        'id_change' as via
    from {{ ref('int_person_renumbered') }}
)

select * from final
