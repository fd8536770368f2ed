-- D08 同日两机构在院
-- One person was a resident of two facilities on the same days, and both claimed for them.
-- Candidates: persons with a stay that begins before an earlier one ends. Evidence: the claim of
-- the facility that gets less, the other claim and both stays as context.
with

stays as (
    select
        s.*,
        {{ open_end('s.valid_to') }} as ends_on,
        max({{ open_end('s.valid_to') }}) over (
            partition by s.person_key
            order by s.valid_from, s.stay_no
            rows between unbounded preceding and 1 preceding
        ) as busy_until
    from {{ ref('spell_stay') }} as s
    inner join {{ ref('dim_facility') }} as f
        on f.facility_code = s.facility_code and f.is_current
    where f.kind not in ('day_care', 'canteen', 'childcare') and s.person_key is not null
),

-- The day of transfer is free: the later stay counts from its second day.
pairs as (
    select
        a.person_key,
        coalesce(a.person_mask, b.person_mask) as person_mask,
        a.stay_no as stay_a,
        b.stay_no as stay_b,
        {{ add_days('b.valid_from', 1) }} as starts_on,
        least(a.ends_on, b.ends_on) as ends_on,
        {{ days_between('b.valid_from', 'b.ends_on') }} as days_b,
        {{ days_between('a.valid_from', 'a.ends_on') }} as days_a
    from stays as b
    inner join stays as a
        on
            a.person_key = b.person_key
            and a.facility_code <> b.facility_code
            and (
                a.valid_from < b.valid_from
                or (a.valid_from = b.valid_from and a.stay_no < b.stay_no)
            )
            and a.ends_on > {{ add_days('b.valid_from', 1) }}
    where b.busy_until > {{ add_days('b.valid_from', 1) }}
),

-- A pair by either stay, so that its claims are found by equality.
sides as (
    select *, stay_a as stay_no from pairs
    union all
    select *, stay_b as stay_no from pairs
),

claims as (
    select
        c.*,
        p.stay_a,
        p.stay_b,
        p.person_key,
        p.person_mask,
        p.starts_on,
        p.ends_on,
        p.days_a,
        p.days_b,
        s.id_form,
        s.id_token,
        s.name_token,
        {{ county('f.region_code') }} as county_code,
        {{ days_between(
            'greatest(c.month, p.starts_on)',
            'least(' ~ add_months('c.month', 1) ~ ', p.ends_on)'
        ) }} as overlap_days
    from sides as p
    inner join {{ ref('fct_facility_claim') }} as c
        on
            c.stay_no = p.stay_no
            and c.month < p.ends_on
            and {{ add_months('c.month', 1) }} > p.starts_on
    inner join stays as s on s.stay_no = c.stay_no
    left join {{ ref('dim_facility') }} as f
        on f.facility_code = c.facility_code and f.is_current
    {{ join_county('f.region_code') }}
    where c.amount > 0 and c.claimed_days > 0
),

policy as ({{ policy_on('claims', 'D08') }}),

linked as ({{ with_link_tier('claims', 'name_token') }}),

-- Bed kept by the resident's own fee: only one of the two claims, so no pair is left.
claimed_twice as (
    select
        c.*,
        c.stay_a || '|' || c.stay_b as lead_key,
        c.link_tier as match_tier,
        sum(c.overlap_days) over (partition by c.stay_a, c.stay_b, c.stay_no) as all_days,
        count(*) over (partition by c.stay_a, c.stay_b, c.month) as claimants,
        {{ ratio('c.amount * least(c.overlap_days, c.claimed_days)', 'c.claimed_days', 2) }}
            as shared_amount,
        policy.min_overlap_days
    from linked as c
    inner join policy on {{ same_policy('c') }}
    where
        c.days_a >= policy.respite_days
        and c.days_b >= policy.respite_days
        and c.link_tier <= policy.worst_tier
),

flagged as (
    select
        *,
        claimants = 2
        and row_number() over (
            partition by lead_key, month order by shared_amount, stay_no desc
        ) = 1 as is_smaller
    from claimed_twice
    where all_days >= min_overlap_days
    qualify max(claimants) over (partition by lead_key) = 2
)

select
    {{ evidence_row(
        lead_key='f.lead_key', subject_kind="'person'", subject_key='f.person_key',
        subject_mask='f.person_mask', region_code='f.county_code',
        programme_code="'facility_operating_subsidy'",
        month='case when f.is_smaller then f.month end',
        amount_point='case when f.is_smaller then f.shared_amount else 0 end',
        match_tier='f.match_tier', role='claim', dataset='f.dataset', source='f',
        fields={
            'facility_code': 'f.facility_code', 'stay_no': 'f.stay_no', 'month': 'f.month',
            'claimed_days': 'f.claimed_days', 'amount': 'f.amount',
            'overlap_days': 'f.overlap_days', 'counted': 'f.is_smaller',
        },
    ) }}
from flagged as f
union all
select
    {{ evidence_row(
        lead_key='l.lead_key', subject_kind="'person'", subject_key='l.person_key',
        subject_mask='l.person_mask', role='stay', dataset='s.dataset', source='s',
        fields={
            'stay_no': 's.stay_no', 'facility_code': 's.facility_code',
            'checked_in_on': 's.valid_from', 'checked_out_on': 's.valid_to', 'payer': 's.payer',
        },
    ) }}
from (select distinct lead_key, person_key, person_mask, stay_a, stay_b from flagged) as l
inner join stays as s on s.stay_no in (l.stay_a, l.stay_b)
