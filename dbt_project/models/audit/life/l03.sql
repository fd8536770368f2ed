-- L03 死亡后机构仍按在院申报补贴
-- A facility claimed days in house for a month after the month in which the resident died.
-- Candidates: claims of stays of the dead. Evidence: claims, the stays, death records.
with

stays as (
    select
        s.*,
        d.death_date,
        d.certificate_date,
        d.payer_death_date,
        d.payer_known_at,
        d.first_known_at,
        d.match_tier as death_tier
    from {{ ref('spell_stay') }} as s
    inner join {{ ref('fct_death') }} as d
        on d.person_key = s.person_key and d.is_confirmed and not d.is_contested
),

claims as (
    select
        c.*,
        s.person_key,
        s.person_mask,
        s.name_token,
        s.id_token,
        s.id_form,
        s.death_date,
        s.certificate_date,
        s.payer_death_date,
        s.payer_known_at,
        s.first_known_at,
        s.death_tier,
        {{ county('f.region_code') }} as county_code
    from {{ ref('fct_facility_claim') }} as c
    inner join stays as s on s.stay_no = c.stay_no and c.month > s.death_date
    left join {{ ref('dim_facility') }} as f
        on f.facility_code = c.facility_code and f.is_current
    {{ join_county('f.region_code') }}
    where c.amount > 0
),

linked as ({{ with_link_tier('claims', 'name_token') }}),

policy as ({{ policy_on('claims', 'L03') }}),

-- The body may stay in the house for some days, also across the turn of the month.
days as (
    select
        c.*,
        c.facility_code || '|' || c.stay_no as lead_key,
        greatest(c.link_tier, c.death_tier) as match_tier,
        {{ known_class('last_day(c.month)', 'c.month', 'c') }} as known_class,
        policy.worst_tier,
        greatest(
            {{ days_between('c.month', add_days('c.death_date', 'policy.checkout_days + 1')) }}, 0
        ) as days_allowed
    from linked as c
    inner join policy on {{ same_policy('c') }}
),

flagged as (
    select *
    from days
    where match_tier <= worst_tier and claimed_days > days_allowed
),

leads as (
    select
        lead_key,
        person_key,
        'person' as subject_kind,
        person_key as subject_key,
        max(person_mask) as subject_mask,
        max(stay_no) as stay_no
    from flagged
    group by lead_key, person_key
)

select
    {{ evidence_row(
        lead_key='f.lead_key', subject_kind="'person'", subject_key='f.person_key',
        subject_mask='f.person_mask', region_code='f.county_code',
        programme_code="'facility_operating_subsidy'", month='f.month',
        amount_low=ratio('f.amount * (f.claimed_days - f.days_allowed)', 'f.claimed_days', 2),
        amount_point='f.amount',
        match_tier='f.match_tier', known_class='f.known_class',
        role='claim', dataset='f.dataset', source='f',
        fields={
            'facility_code': 'f.facility_code', 'stay_no': 'f.stay_no', 'month': 'f.month',
            'claimed_days': 'f.claimed_days', 'amount': 'f.amount', 'death_date': 'f.death_date',
        },
    ) }}
from flagged as f
union all
select
    {{ evidence_row(
        lead_key='l.lead_key', subject_kind='l.subject_kind', subject_key='l.subject_key',
        subject_mask='l.subject_mask', role='stay', dataset='s.dataset', source='s',
        fields={
            'stay_no': 's.stay_no', 'facility_code': 's.facility_code',
            'checked_in_on': 's.valid_from', 'checked_out_on': 's.valid_to',
        },
    ) }}
from leads as l
inner join stays as s on s.stay_no = l.stay_no
union all
{{ death_context('leads') }}
