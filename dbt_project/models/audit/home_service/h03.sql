-- H03 同一护理员时间重叠
-- One worker served two elders at different places at the same time.
-- Candidates: orders that begin before an earlier one of the worker ends (a running maximum).
-- Evidence: the shorter order of each pair, the longer one as counterpart.
with

running as (
    select
        order_no,
        worker_key,
        started_at,
        ended_at,
        max(ended_at) over (
            partition by worker_key
            order by started_at, order_no
            rows between unbounded preceding and 1 preceding
        ) as busy_until
    from {{ ref('fct_service_order') }}
    where worker_key is not null and ended_at > started_at
),

late as (
    select order_no, worker_key, started_at, ended_at
    from running
    where busy_until > started_at
),

orders as (
    select o.*
    from {{ ref('fct_service_order') }} as o
    semi join late as l on l.worker_key = o.worker_key
    where o.ended_at > o.started_at
),

register as ({{ register_of('orders') }}),

pairs as (
    select
        a.order_no as order_a,
        b.order_no as order_b,
        {{ seconds_between('b.started_at', 'least(a.ended_at, b.ended_at)') }} as overlap_seconds,
        {{ seconds_between('a.started_at', 'a.ended_at') }} as seconds_a,
        {{ seconds_between('b.started_at', 'b.ended_at') }} as seconds_b,
        a.worker_key,
        a.provider_code as provider_a,
        b.provider_code as provider_b,
        b.person_key as person_b,
        a.person_key as person_a,
        b.started_at,
        least(a.ended_at, b.ended_at) as ended_at,
        {{ month_start('b.started_at') }} as month,
        {{ county('pb.residence_region_code') }} as county_code
    from late as l
    inner join orders as b on b.order_no = l.order_no
    inner join orders as a
        on
            a.worker_key = b.worker_key
            and a.ended_at > b.started_at
            and (
                a.started_at < b.started_at
                or (a.started_at = b.started_at and a.order_no < b.order_no)
            )
    left join register as pa on pa.person_key = a.person_key
    left join register as pb on pb.person_key = b.person_key
    {{ join_county('pb.residence_region_code') }}
    where
        -- One home: the same elder, a couple, or check-ins at one point.
        a.person_key <> b.person_key
        and pa.household_key is distinct from pb.household_key
        and not coalesce(
            a.checked_in_longitude = b.checked_in_longitude
            and a.checked_in_latitude = b.checked_in_latitude, false
        )
),

policy as ({{ policy_on('pairs', 'H03') }}),

overlapping as (
    select p.*, policy.min_provider_orders
    from pairs as p
    inner join policy on {{ same_policy('p') }}
    where p.overlap_seconds > policy.clock_skew_minutes * 60
),

-- A number typed wrong: the worker has next to no orders at one of the two providers.
usual as (
    select worker_key, provider_code, count(*) as orders
    from orders
    group by worker_key, provider_code
),

-- A teaching visit: another worker was with one of the elders at the same time.
elders as (
    select order_a, order_b, worker_key, started_at, ended_at, person_a as person_key
    from overlapping
    union all
    select order_a, order_b, worker_key, started_at, ended_at, person_b as person_key
    from overlapping
),

accompanied as (
    select distinct v.order_a, v.order_b
    from elders as v
    inner join {{ ref('fct_service_order') }} as o
        on
            o.person_key = v.person_key
            and o.worker_key <> v.worker_key
            and o.started_at < v.ended_at
            and o.ended_at > v.started_at
),

accepted as (
    select
        v.*,
        case when v.seconds_a < v.seconds_b then v.order_a else v.order_b end as shorter,
        case when v.seconds_a < v.seconds_b then v.order_b else v.order_a end as longer
    from overlapping as v
    inner join usual as ua
        on ua.worker_key = v.worker_key and ua.provider_code = v.provider_a
    inner join usual as ub
        on ub.worker_key = v.worker_key and ub.provider_code = v.provider_b
    anti join accompanied as t on t.order_a = v.order_a and t.order_b = v.order_b
    where least(ua.orders, ub.orders) >= v.min_provider_orders
),

roles as (
    select shorter as order_no, longer as other_no, county_code, true as is_flagged from accepted
    union all
    select longer, shorter, county_code, false from accepted
),

-- An order that overlaps several others counts once, as flagged if it is so in any pair.
single as (
    select
        order_no,
        bool_or(is_flagged) as is_flagged,
        max(county_code) as county_code,
        {{ joined_list('other_no') }} as overlaps_with
    from roles
    group by order_no
)

select
    {{ evidence_row(
        lead_key='o.worker_key', subject_kind="'worker'", subject_key='o.worker_key',
        subject_mask='o.worker_mask', region_code='s.county_code',
        month='case when s.is_flagged then ' ~ month_start('o.started_at') ~ ' end',
        amount_low='case when s.is_flagged then coalesce(o.subsidy_amount, 0) else 0 end',
        amount_point='case when s.is_flagged then o.amount else 0 end',
        match_tier="case when o.worker_token <> o.worker_key then 'M2' else 'M1' end",
        role='order', dataset='o.dataset', source='o',
        fields={
            'order_no': 'o.order_no', 'provider_code': 'o.provider_code',
            'started_at': 'o.started_at', 'ended_at': 'o.ended_at', 'amount': 'o.amount',
            'overlaps_with': 's.overlaps_with', 'counted': 's.is_flagged',
        },
    ) }}
from single as s
inner join orders as o on o.order_no = s.order_no
