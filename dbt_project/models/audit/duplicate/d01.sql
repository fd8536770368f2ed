-- D01 跨县区重复领取同一补贴
-- The same person was paid the same programme for the same month by two counties of today.
-- Candidates: persons paid a programme under two region codes. Evidence: the payments of the
-- counties that are not the person's own, and the own county's as counterpart.
with

payers as (
    select distinct person_key, programme_code, region_code
    from {{ ref('fct_payment') }}
    where is_effective and person_key is not null
),

several as (
    select person_key, programme_code
    from payers
    group by person_key, programme_code
    having count(*) > 1
),

-- Codes of today first; a code above the county is another layer of the same benefit (province
-- and prefecture top up), a split one has no place: neither is a second county.
placed as (
    select
        p.*,
        place.ancestor_code as county_code,
        p.benefit_month as month
    from {{ ref('fct_payment') }} as p
    semi join several as r
        on r.person_key = p.person_key and r.programme_code = p.programme_code
    inner join {{ ref('bridge_region_ancestor') }} as place
        on place.region_code = p.region_code and place.ancestor_level = 'county'
    where p.is_effective
),

months as (
    select
        person_key,
        programme_code,
        benefit_month,
        sum(amount) as paid
    from placed
    group by person_key, programme_code, benefit_month
    having min(county_code) <> max(county_code)
),

-- Where hukou and residence lay at the month's end, and the months of a move between counties.
lived as (
    select
        s.person_key,
        s.valid_from,
        {{ open_end('s.valid_to') }} as valid_to,
        {{ county('s.hukou_region_code', 'hukou') }} as hukou_county,
        {{ county('s.residence_region_code', 'home') }} as residence_county
    from {{ ref('spell_residence') }} as s
    semi join months as m on m.person_key = s.person_key
    {{ join_county('s.hukou_region_code', 'hukou') }}
    {{ join_county('s.residence_region_code', 'home') }}
),

moves as (
    select person_key, moved_on
    from (
        select
            person_key,
            valid_from as moved_on,
            hukou_county || residence_county as here,
            lag(hukou_county || residence_county)
                over (partition by person_key order by valid_from) as before
        from lived
    ) as steps
    where here <> before
),

linked as ({{ with_link_tier('placed', 'payee_name_token') }}),

policy as ({{ policy_on('placed', 'D01') }}),

standards as ({{ standards_at('placed') }}),

register as ({{ register_of('months') }}),

-- What one county would pay: the highest band that the person is old enough for.
due as (
    select
        m.person_key,
        m.programme_code,
        m.benefit_month,
        max(s.amount) as standard,
        max(s.requires) as requires
    from months as m
    inner join placed as p
        on
            p.person_key = m.person_key
            and p.programme_code = m.programme_code
            and p.benefit_month = m.benefit_month
    inner join register as d on d.person_key = m.person_key
    inner join standards as s
        on
            s.region_code = p.region_code
            and s.programme_code = p.programme_code
            and s.month = p.month
            and coalesce(s.min_age, 0)
            <= {{ age_years('d.birth_date', 'last_day(m.benefit_month)') }}
    group by m.person_key, m.programme_code, m.benefit_month
),

accepted as (
    select
        p.*,
        p.person_key || '|' || p.programme_code as lead_key,
        p.link_tier as match_tier,
        coalesce(
            p.county_code <> case
                when due.requires = 'residence' then h.residence_county else h.hukou_county
            end, true
        ) as is_elsewhere,
        m.paid
    from linked as p
    inner join months as m
        on
            m.person_key = p.person_key
            and m.programme_code = p.programme_code
            and m.benefit_month = p.benefit_month
    inner join {{ ref('dim_programme') }} as g on g.programme_code = p.programme_code
    inner join policy on {{ same_policy('p') }}
    left join due
        on
            due.person_key = p.person_key
            and due.programme_code = p.programme_code
            and due.benefit_month = p.benefit_month
    left join lived as h
        on
            h.person_key = p.person_key
            and h.valid_from <= last_day(p.benefit_month)
            and h.valid_to > last_day(p.benefit_month)
    where
        {{ in_list('g.class', 'policy.programme_classes') }}
        and (due.standard is null or m.paid > due.standard)
        and p.link_tier <= policy.worst_tier
        and not exists (
            select 1
            from moves as v
            where
                v.person_key = p.person_key
                and v.moved_on <= last_day(p.benefit_month)
                and v.moved_on
                >= {{ add_months('p.benefit_month', '1 - policy.transfer_months') }}
        )
),

-- The guard on tiers may have left one county only. Where neither is the person's own, the low
-- amount leaves one payment out: one of them may be right.
flagged as (
    select
        *,
        min(county_code) over (partition by lead_key, benefit_month) as first_county,
        max(county_code) over (partition by lead_key, benefit_month) as last_county,
        bool_and(is_elsewhere) over (partition by lead_key, benefit_month) as nowhere_home,
        row_number() over (
            partition by lead_key, benefit_month
            order by amount desc nulls last, row_no nulls last
        ) as place_by_amount
    from accepted
)

select
    {{ evidence_row(
        lead_key='f.lead_key', subject_kind="'person'", subject_key='f.person_key',
        subject_mask='f.person_mask', region_code='f.county_code',
        programme_code='f.programme_code',
        month='case when f.is_elsewhere then f.benefit_month end',
        amount_low='case when f.is_elsewhere and not (f.nowhere_home and f.place_by_amount = 1)'
            ' then f.amount else 0 end',
        amount_point='case when f.is_elsewhere then f.amount else 0 end',
        match_tier='f.match_tier', role='payment', dataset='f.dataset', source='f',
        fields={
            'benefit_month': 'f.benefit_month', 'county': 'f.county_code',
            'paying_region': 'f.region_code', 'amount': 'f.amount', 'paid_in_all': 'f.paid',
            'elsewhere': 'f.is_elsewhere',
        },
    ) }}
from flagged as f
where f.first_county <> f.last_county
