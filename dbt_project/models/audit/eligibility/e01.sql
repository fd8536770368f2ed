-- E01 未达年龄领取
-- A benefit with a minimum age was paid for a month before the month of that birthday.
-- Candidates: first paid month of each person and programme against the police's birth date.
-- Evidence: the payments, the person's row in the register.
with

-- Nobody as old as the strictest place asks for can be too young anywhere.
programmes as (
    select programme_code, max(lowest_age) as strictest_age
    from (
        select programme_code, region_code, valid_from, min(min_age) as lowest_age
        from {{ ref('dim_subsidy_standard') }}
        where min_age is not null
        group by programme_code, region_code, valid_from
    ) as places
    group by programme_code
),

first_paid as (
    select p.person_key, p.programme_code, min(p.benefit_month) as first_month
    from {{ ref('fct_payment') }} as p
    inner join programmes as g on g.programme_code = p.programme_code
    where p.is_effective and p.person_key is not null
    group by p.person_key, p.programme_code
),

-- Distinct already; said so, the few are known before any payment is joined to them.
young as (
    select distinct f.person_key, f.programme_code, d.birth_date
    from first_paid as f
    inner join programmes as g on g.programme_code = f.programme_code
    inner join {{ ref('dim_person') }} as d on d.person_key = f.person_key and d.is_current
    where f.first_month < {{ add_months('d.birth_date', 'g.strictest_age * 12') }}
),

paid as (
    select
        p.*,
        y.birth_date,
        {{ county('p.region_code') }} as county_code,
        p.benefit_month as month
    from {{ ref('fct_payment') }} as p
    inner join young as y
        on y.person_key = p.person_key and y.programme_code = p.programme_code
    {{ join_county('p.region_code') }}
    where p.is_effective
),

standards as ({{ standards_at('paid') }}),

-- A programme begins with its lowest band.
ages as (
    select region_code, programme_code, month, min(min_age) as min_age
    from standards
    group by region_code, programme_code, month
),

policy as ({{ policy_on('paid', 'E01') }}),

linked as ({{ with_link_tier('paid', 'payee_name_token') }}),

flagged as (
    select
        p.*,
        a.min_age,
        p.person_key || '|' || p.programme_code as lead_key,
        p.link_tier as match_tier
    from linked as p
    inner join ages as a
        on
            a.region_code = p.region_code
            and a.programme_code = p.programme_code
            and a.month = p.month
    inner join policy on {{ same_policy('p') }}
    where
        -- The month of the birthday itself is tolerated.
        p.benefit_month < {{ month_start(add_months('p.birth_date', 'a.min_age * 12')) }}
        and p.link_tier <= policy.worst_tier
)

select
    {{ evidence_row(
        lead_key='f.lead_key', subject_kind="'person'", subject_key='f.person_key',
        subject_mask='f.person_mask', region_code='f.county_code',
        programme_code='f.programme_code', month='f.benefit_month', amount_point='f.amount',
        match_tier='f.match_tier', role='payment', dataset='f.dataset', source='f',
        fields={
            'benefit_month': 'f.benefit_month', 'amount': 'f.amount', 'min_age': 'f.min_age',
            'eligible_month': month_text(add_months('f.birth_date', 'f.min_age * 12')),
        },
    ) }}
from flagged as f
union all
select
    {{ evidence_row(
        lead_key='l.lead_key', subject_kind="'person'", subject_key='l.person_key',
        subject_mask='l.person_mask', role='register', dataset='d.dataset', source='d',
        fields={
            'age_at_first_payment': age_years('d.birth_date', 'l.first_month'),
            'status': 'd.status',
        },
    ) }}
from (
    select lead_key, person_key, max(person_mask) as person_mask, min(benefit_month) as first_month
    from flagged
    group by lead_key, person_key
) as l
inner join {{ ref('dim_person') }} as d on d.person_key = l.person_key and d.is_current
