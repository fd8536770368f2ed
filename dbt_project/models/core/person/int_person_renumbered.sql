{{ config(post_hook="{{ note_partings() }}") }}

-- Citizen numbers that were replaced, each with the number that stands for the person today.
-- Changes that run in a ring (one undoing the other) end at the ring's smallest token.
with recursive edges as (
    select
        old_id_no_token as old_token,
        new_id_no_token as new_token
    from {{ ref('stg_household_id_change') }}
    where old_id_no_token <> new_id_no_token
    qualify row_number() over (
        partition by old_id_no_token
        order by changed_on desc, known_at desc, new_id_no_token
    ) = 1
),

walk as (
    select
        old_token as id_token,
        new_token as reached_token,
        1 as hops
    from edges
    union all
    select
        walk.id_token,
        edges.new_token as reached_token,
        walk.hops + 1 as hops
    from walk
    inner join edges on walk.reached_token = edges.old_token
    where walk.hops < 20
),

ends as (
    select
        id_token,
        case
            when max(hops) = 20 then min(reached_token) filter (where hops >= 10)
            else max_by(reached_token, hops)
        end as person_key
    from walk
    group by id_token
),

final as (
    select id_token, person_key
    from ends
    where id_token <> person_key
)

select * from final
