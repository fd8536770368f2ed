-- D07 机构在院期间领居家类补贴
-- A home-care benefit was paid, or subsidised services at home were delivered, on days that the
-- person spent as a resident of a facility.
-- Candidates: persons with stays. Evidence: payments or orders, the stays.
with

-- Days in day care or a canteen are no residence. An open stay has lasted until the data's end.
stays as (
    select
        s.*,
        least({{ open_end('s.valid_to') }}, {{ add_days('clock.data_day', 1) }}) as seen_until
    from {{ ref('spell_stay') }} as s
    inner join {{ ref('dim_facility') }} as f
        on f.facility_code = s.facility_code and f.is_current
    cross join (select max(month_end) as data_day from {{ ref('dim_month') }}) as clock
    where f.kind not in ('day_care', 'canteen', 'childcare')
),

claims as (
    select
        p.person_key,
        p.person_mask,
        p.person_key || '|' || p.programme_code as lead_key,
        p.programme_code,
        g.class,
        p.payment_no as claim_no,
        p.benefit_month as month,
        p.benefit_month as starts_on,
        {{ add_months('p.benefit_month', 1) }} as ends_on,
        p.amount,
        p.id_form,
        p.id_token,
        p.payee_name_token,
        {{ county('p.region_code') }} as county_code,
        p.batch_id,
        p.row_no,
        p.known_at
    from {{ ref('fct_payment') }} as p
    semi join stays as s on s.person_key = p.person_key
    inner join {{ ref('dim_programme') }} as g on g.programme_code = p.programme_code
    {{ join_county('p.region_code') }}
    where p.is_effective
),

policy as ({{ policy_on('claims', 'D07') }}),

-- What was claimed for being at home: the family bed's own days where there is one.
at_home as (
    select
        c.*,
        policy.min_overlap_days,
        policy.respite_days,
        policy.trial_days,
        policy.worst_tier,
        b.bed_no,
        b.valid_from as bed_from,
        greatest(c.starts_on, coalesce(b.valid_from, c.starts_on)) as home_from,
        least(c.ends_on, {{ open_end('b.valid_to') }}) as home_until
    from claims as c
    inner join policy on {{ same_policy('c') }}
    left join {{ ref('spell_family_bed') }} as b
        on
            b.person_key = c.person_key
            and b.valid_from < c.ends_on
            and {{ open_end('b.valid_to') }} > c.starts_on
    where {{ in_list('c.class', 'policy.programme_classes') }}
),

-- The day of admission is free; the day of discharge no longer belongs to the stay.
shared_days as (
    select
        h.*,
        s.stay_no,
        {{ days_between(
            'greatest(h.home_from, ' ~ add_days('s.valid_from', 1) ~ ')',
            'least(h.home_until, s.seen_until)'
        ) }} as overlap_days
    from at_home as h
    inner join stays as s
        on
            s.person_key = h.person_key
            and {{ add_days('s.valid_from', 1) }} < h.home_until
            and s.seen_until > h.home_from
    where
        {{ days_between('s.valid_from', 's.seen_until') }} >= h.respite_days
        -- A trial at home before discharge: the bed was set up in the stay's last days.
        and not (
            h.bed_no is not null
            and s.valid_to is not null
            and h.bed_from > s.valid_from
            and {{ days_between('h.bed_from', 's.valid_to') }} <= h.trial_days
        )
),

linked as ({{ with_link_tier('shared_days', 'payee_name_token') }}),

flagged as (
    select
        o.lead_key,
        o.claim_no,
        o.person_key,
        o.person_mask,
        o.programme_code,
        o.county_code,
        o.month,
        o.amount,
        o.batch_id,
        o.row_no,
        o.known_at,
        o.link_tier as match_tier,
        o.min_overlap_days,
        {{ days_between('o.starts_on', 'o.ends_on') }} as month_days,
        sum(o.overlap_days) as days_in_stays
    from linked as o
    where o.link_tier <= o.worst_tier
    group by all
),

accepted as (
    select
        *,
        least(days_in_stays, month_days) as overlap_days
    from flagged
    qualify sum(days_in_stays) over (partition by lead_key) >= min_overlap_days
)

select
    {{ evidence_row(
        lead_key='a.lead_key', subject_kind="'person'", subject_key='a.person_key',
        subject_mask='a.person_mask', region_code='a.county_code',
        programme_code='a.programme_code', month='a.month',
        amount_low='case when a.overlap_days = a.month_days then a.amount else 0 end',
        amount_point=ratio('a.amount * a.overlap_days', 'a.month_days', 2),
        amount_high='a.amount',
        match_tier='a.match_tier', role='payment', dataset="'subsidy_payment'", source='a',
        fields={
            'benefit_month': 'a.month', 'amount': 'a.amount', 'overlap_days': 'a.overlap_days',
            'month_days': 'a.month_days',
        },
    ) }}
from accepted as a
union all
select
    {{ evidence_row(
        lead_key='l.lead_key', subject_kind="'person'", subject_key='l.person_key',
        subject_mask='l.person_mask', role='stay', dataset='s.dataset', source='s',
        fields={
            'stay_no': 's.stay_no', 'facility_code': 's.facility_code',
            'checked_in_on': 's.valid_from', 'checked_out_on': 's.valid_to',
        },
    ) }}
from (
    select distinct o.lead_key, o.person_key, o.person_mask, o.stay_no
    from shared_days as o
    semi join accepted as a on a.lead_key = o.lead_key
) as l
inner join stays as s on s.stay_no = l.stay_no
