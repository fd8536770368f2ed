-- L07 申报死亡日期晚于权威日期
-- The payer's own date of death (the cremation record's, never the day of the household
-- cancellation) is later than the certificate's, and benefits were paid for months in between.
with

dead as (
    select person_key, certificate_date, payer_death_date, match_tier as death_tier
    from {{ ref('fct_death') }}
    where is_confirmed and not is_contested and payer_death_date > certificate_date
),

-- A later date that the same record contradicts is a slip of the pen: cremated before dying.
mistyped as (
    select distinct e.person_key
    from {{ ref('int_death_evidence') }} as e
    inner join dead as d on d.person_key = e.person_key
    where e.source = 'cremation' and e.recorded_on < d.payer_death_date
),

-- A certificate that gives the payer's day in the lunar calendar means the same day.
lunar as (
    select d.person_key
    from dead as d
    inner join {{ ref('lunar_month') }} as m
        on d.payer_death_date >= m.starts_on and d.payer_death_date < m.ends_on
    where
        m.lunar_month = month(d.certificate_date)
        and {{ days_between('m.starts_on', 'd.payer_death_date') }} + 1
        = day(d.certificate_date)
),

paid as (
    select
        p.*,
        d.certificate_date,
        d.payer_death_date,
        d.death_tier,
        {{ county('p.region_code') }} as county_code,
        p.benefit_month as month
    from {{ ref('fct_payment') }} as p
    inner join dead as d
        on d.person_key = p.person_key
        and p.benefit_month > d.certificate_date
        and p.benefit_month <= d.payer_death_date
    anti join mistyped as t on t.person_key = p.person_key
    anti join lunar as u on u.person_key = p.person_key
    {{ join_county('p.region_code') }}
    where p.is_effective
),

linked as ({{ with_link_tier('paid', 'payee_name_token') }}),

policy as ({{ policy_on('paid', 'L07') }}),

flagged as (
    select
        p.*,
        p.person_key || '|' || p.programme_code as lead_key,
        greatest(p.link_tier, p.death_tier) as match_tier
    from linked as p
    inner join {{ ref('dim_programme') }} as g on g.programme_code = p.programme_code
    inner join policy on {{ same_policy('p') }}
    where
        {{ in_list('g.class', 'policy.programme_classes') }}
        and greatest(p.link_tier, p.death_tier) <= policy.worst_tier
),

leads as (
    select
        lead_key,
        person_key,
        'person' as subject_kind,
        person_key as subject_key,
        max(person_mask) as subject_mask
    from flagged
    group by lead_key, person_key
)

select
    {{ evidence_row(
        lead_key='f.lead_key', subject_kind="'person'", subject_key='f.person_key',
        subject_mask='f.person_mask', region_code='f.county_code',
        programme_code='f.programme_code', month='f.benefit_month', amount_point='f.amount',
        match_tier='f.match_tier', known_class="'K3'",
        role='payment', dataset='f.dataset', source='f',
        fields={
            'benefit_month': 'f.benefit_month', 'amount': 'f.amount', 'paid_at': 'f.paid_at',
            'certificate_date': 'f.certificate_date', 'payer_death_date': 'f.payer_death_date',
        },
    ) }}
from flagged as f
union all
{{ death_context('leads') }}
