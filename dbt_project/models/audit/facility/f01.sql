-- F01 申报在院数超过床位
-- On some days more residents were registered, and claimed for, than the facility has beds.
-- Candidates: days on which the running count passes the beds. Evidence: the claims of the
-- residents who came last, the facility's row.
with

-- Licensed sites of one operator are one house: residents of all against the beds of all.
sites as (
    select
        facility_code,
        region_code,
        min(facility_code) over (partition by coalesce(uscc, facility_code)) as house_code
    from {{ ref('dim_facility') }}
    where is_current and kind not in ('day_care', 'canteen', 'childcare')
),

beds as (
    select
        s.house_code,
        f.facility_code,
        f.beds_total,
        f.valid_to,
        case
            when row_number() over (partition by f.facility_code order by f.valid_from) = 1
                then cast('1900-01-01' as date)
            else f.valid_from
        end as valid_from
    from {{ ref('dim_facility') }} as f
    inner join sites as s on s.facility_code = f.facility_code
    where f.beds_total is not null
),

register as ({{ register_of(ref('spell_stay')) }}),

-- A couple in one room fills one bed: the second of a household in the same bed is not counted.
stays as (
    select
        t.house_code,
        s.stay_no,
        s.valid_from,
        {{ open_end('s.valid_to') }} as ends_on,
        coalesce(
            max({{ open_end('s.valid_to') }}) over (
                partition by s.facility_code, s.bed_no, coalesce(d.household_key, s.stay_no)
                order by s.valid_from, s.stay_no
                rows between unbounded preceding and 1 preceding
            ) > s.valid_from and s.bed_no is not null,
            false
        ) as shares_bed
    from {{ ref('spell_stay') }} as s
    inner join sites as t on t.facility_code = s.facility_code
    left join register as d on d.person_key = s.person_key
),

changes as (
    select house_code, valid_from as day, 1 as change from stays where not shares_bed
    union all
    select house_code, ends_on as day, -1 as change from stays where not shares_bed
),

counts as (
    select
        house_code,
        day as starts_on,
        lead(day) over (partition by house_code order by day) as ends_on,
        sum(sum(change)) over (
            partition by house_code order by day rows unbounded preceding
        ) as residents
    from changes
    group by house_code, day
),

-- Only what passes the smallest number of beds is looked at month by month.
least_beds as (
    select house_code, sum(beds_total) as beds
    from (
        select house_code, facility_code, min(beds_total) as beds_total
        from beds
        group by house_code, facility_code
    ) as smallest
    group by house_code
),

crowded as (
    select
        c.house_code,
        m.month_start as month,
        greatest(c.starts_on, m.month_start) as starts_on,
        least(c.ends_on, {{ add_days('m.month_end', 1) }}) as ends_on,
        c.residents,
        {{ county('s.region_code') }} as county_code
    from counts as c
    inner join least_beds as b on b.house_code = c.house_code and c.residents > b.beds
    inner join {{ ref('dim_month') }} as m
        on c.starts_on <= m.month_end and c.ends_on > m.month_start
    inner join sites as s on s.facility_code = c.house_code
    {{ join_county('s.region_code') }}
),

policy as ({{ policy_on('crowded', 'F01') }}),

-- Beds on a day: also those that the register only shows some time later.
capacity as (
    select house_code, month, starts_on, ends_on, residents, county_code, min_overlap_days,
        sum(beds_total) as beds
    from (
        select
            c.*,
            policy.min_overlap_days,
            b.facility_code,
            max(b.beds_total) as beds_total
        from crowded as c
        inner join policy on {{ same_policy('c') }}
        inner join beds as b
            on
                b.house_code = c.house_code
                and b.valid_from <= {{ add_days('c.starts_on', 'policy.grace_days') }}
                and {{ open_end('b.valid_to') }} > c.starts_on
        group by all
    ) as each_site
    group by all
),

months as (
    select
        house_code,
        month,
        county_code,
        max(residents) as residents,
        min(beds) as beds,
        sum((residents - beds) * {{ days_between('starts_on', 'ends_on') }}) as excess_days
    from capacity
    where residents > beds
    group by house_code, month, county_code
    having sum({{ days_between('starts_on', 'ends_on') }}) >= max(min_overlap_days)
),

-- The last to come are the ones too many: their claimed days fill the excess.
filled as (
    select
        m.*,
        c.facility_code,
        c.stay_no,
        c.claimed_days,
        c.amount,
        c.dataset,
        c.batch_id,
        c.row_no,
        c.known_at,
        coalesce(sum(c.claimed_days) over (
            partition by m.house_code, m.month
            order by s.valid_from desc, s.stay_no desc
            rows between unbounded preceding and 1 preceding
        ), 0) as days_before
    from months as m
    inner join sites as t on t.house_code = m.house_code
    inner join {{ ref('fct_facility_claim') }} as c
        on c.facility_code = t.facility_code and c.month = m.month
    inner join {{ ref('spell_stay') }} as s on s.stay_no = c.stay_no
    where c.claimed_days > 0
),

flagged as (
    select *, least(excess_days - days_before, claimed_days) as counted_days
    from filled
    where excess_days > days_before
)

select
    {{ evidence_row(
        lead_key='f.house_code', subject_kind="'facility'", subject_key='f.house_code',
        region_code='f.county_code', programme_code="'facility_operating_subsidy'",
        month='f.month', amount_point=ratio('f.amount * f.counted_days', 'f.claimed_days', 2),
        match_tier="'M1'", role='claim', dataset='f.dataset', source='f',
        fields={
            'facility_code': 'f.facility_code', 'stay_no': 'f.stay_no', 'month': 'f.month',
            'residents': 'f.residents', 'beds': 'f.beds', 'excess_bed_days': 'f.excess_days',
            'counted_days': 'f.counted_days', 'amount': 'f.amount',
        },
    ) }}
from flagged as f
union all
select
    {{ evidence_row(
        lead_key='l.house_code', subject_kind="'facility'", subject_key='l.house_code',
        role='facility', dataset='d.dataset', source='d',
        fields={
            'facility_code': 'd.facility_code', 'beds_total': 'd.beds_total',
            'valid_from': 'd.valid_from',
        },
    ) }}
from (select distinct house_code from flagged) as l
inner join sites as t on t.house_code = l.house_code
inner join {{ ref('dim_facility') }} as d on d.facility_code = t.facility_code
