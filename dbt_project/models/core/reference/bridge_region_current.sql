-- A retired code leads to its successor, step by step, until a code that is valid today.
-- A code with several successors was split: it has no single code of today.
with recursive latest as (
    select
        region_code,
        is_current,
        successor_codes
    from {{ ref('dim_region') }}
    where is_latest
),

walk as (
    select
        region_code,
        region_code as reached_code,
        0 as hops
    from latest
    where not is_current
    union all
    select
        walk.region_code,
        latest.successor_codes as reached_code,
        walk.hops + 1 as hops
    from walk
    inner join latest on walk.reached_code = latest.region_code
    where
        not latest.is_current
        and latest.successor_codes is not null
        and latest.successor_codes not like '%;%'
        and walk.hops < 20
),

ends as (
    select
        walk.region_code,
        walk.reached_code,
        latest.is_current,
        latest.successor_codes
    from walk
    inner join latest on walk.reached_code = latest.region_code
    qualify row_number() over (
        partition by walk.region_code order by walk.hops desc
    ) = 1
),

final as (
    select
        region_code,
        region_code as current_code,
        'current' as change_kind
    from latest
    where is_current
    union all
    select
        region_code,
        case when is_current then reached_code end as current_code,
        case
            when is_current then 'successor'
            when successor_codes like '%;%' then 'split'
            else 'closed'
        end as change_kind
    from ends
)

select * from final
