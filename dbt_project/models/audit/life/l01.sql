-- L01 死亡后仍发放个人补贴
-- A personal benefit was paid for a month after the month of a confirmed, uncontested death.
-- Candidates: payments of the dead. Guards: see the YAML. Evidence: payments, death records.
with

paid as (
    select
        p.*,
        d.death_date,
        d.certificate_date,
        d.payer_death_date,
        d.payer_known_at,
        d.first_known_at,
        d.match_tier as death_tier,
        {{ county('p.region_code') }} as county_code,
        p.benefit_month as month
    from {{ ref('fct_payment') }} as p
    inner join {{ ref('fct_death') }} as d
        on d.person_key = p.person_key
        and d.is_confirmed
        and not d.is_contested
        and p.benefit_month > d.death_date
    {{ join_county('p.region_code') }}
    where p.is_effective
),

linked as ({{ with_link_tier('paid', 'payee_name_token') }}),

policy as ({{ policy_on('paid', 'L01') }}),

accepted as (
    select
        p.*,
        p.person_key || '|' || p.programme_code as lead_key,
        greatest(p.link_tier, p.death_tier) as match_tier,
        {{ known_class('p.paid_at', 'p.benefit_month', 'p') }} as known_class,
        policy.report_window_days
    from linked as p
    inner join {{ ref('dim_programme') }} as g on g.programme_code = p.programme_code
    inner join policy on {{ same_policy('p') }}
    where
        {{ in_list('g.class', 'policy.programme_classes') }}
        and greatest(p.link_tier, p.death_tier) <= policy.worst_tier
),

-- Paid before the death, or before anybody knew and within the time for reporting: no fault yet.
timed as (
    select
        *,
        cast(paid_at as date) <= death_date
        or (
            known_class = 'K0'
            and cast(paid_at as date) <= {{ add_days('death_date', 'report_window_days') }}
        ) as is_excused
    from accepted
),

leads as (
    select
        lead_key,
        person_key,
        'person' as subject_kind,
        person_key as subject_key,
        max(person_mask) as subject_mask
    from timed
    group by lead_key, person_key
    having not bool_and(is_excused)
)

select
    {{ evidence_row(
        lead_key='t.lead_key', subject_kind='l.subject_kind', subject_key='l.subject_key',
        subject_mask='l.subject_mask', region_code='t.county_code',
        programme_code='t.programme_code', month='t.benefit_month',
        amount_low='case when t.is_excused then 0 else t.amount end', amount_point='t.amount',
        match_tier='t.match_tier', known_class='t.known_class',
        role='payment', dataset='t.dataset', source='t',
        fields={
            'benefit_month': 't.benefit_month', 'amount': 't.amount', 'paid_at': 't.paid_at',
            'death_date': 't.death_date', 'excused': 't.is_excused',
        },
    ) }}
from timed as t
inner join leads as l on l.lead_key = t.lead_key
union all
{{ death_context('leads') }}
