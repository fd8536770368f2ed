-- U01 应享未享
-- A living person of the age, with hukou or residence where the programme runs, was not paid for
-- two months in a row or more: money owed to the citizen.
-- Candidates: persons with fewer paid months than due ones. Evidence: the register's row, once a
-- month owed, and the standard.
with

-- Only programmes for which age and place are the whole condition, here or in some county.
programmes as (
    select
        s.programme_code,
        min(s.min_age) as min_age,
        max(s.requires) as requires,
        max(s.exclusion_group) as exclusion_group
    from {{ ref('dim_subsidy_standard') }} as s
    inner join ({{ parameter_values('U01', 'programmes') }}) as v
        on {{ in_list('s.programme_code', 'v.value') }}
    where s.min_age is not null and s.min_grade is null
    group by s.programme_code
),

-- A better benefit of the same exclusion group pays for the month as well.
counting as (
    select distinct g.programme_code, coalesce(x.programme_code, g.programme_code) as paid_code
    from programmes as g
    left join {{ ref('dim_subsidy_standard') }} as x
        on x.exclusion_group = g.exclusion_group or x.programme_code = g.programme_code
),

paid as (
    select p.person_key, c.programme_code, p.benefit_month
    from {{ ref('fct_payment') }} as p
    inner join counting as c on c.paid_code = p.programme_code
    where p.is_effective and p.amount > 0
    group by p.person_key, c.programme_code, p.benefit_month
),

-- Any sign of death ends the claim here: an unconfirmed one goes to identity review first, a
-- contested one (seen in hospital later) does not count.
ends as (
    select person_key, min(death_date) as death_date
    from {{ ref('int_death_evidence') }}
    where match_tier <= 'M2'
    group by person_key
),

clock as (
    select min(month_start) as first_month, max(month_start) as last_month
    from {{ ref('dim_month') }}
),

-- Due from the month after the birthday to the month of death or of leaving.
elders as (
    select
        d.person_key,
        d.person_mask,
        d.birth_date,
        d.id_form,
        d.dataset,
        d.batch_id,
        d.row_no,
        d.known_at,
        g.programme_code,
        g.requires,
        {{ add_months(month_start(add_months('d.birth_date', 'g.min_age * 12')), 1) }} as due_from,
        greatest(
            {{ add_months(month_start(add_months('d.birth_date', 'g.min_age * 12')), 1) }},
            clock.first_month
        ) as first_month,
        least(
            case
                when not coalesce(f.is_contested, false) and e.death_date is not null
                    then {{ month_start('e.death_date') }}
                else clock.last_month
            end,
            case
                when d.status = 'moved_out' then {{ month_start('d.status_date') }}
                else clock.last_month
            end,
            clock.last_month
        ) as last_month
    from {{ ref('dim_person') }} as d
    cross join programmes as g
    cross join clock
    left join ends as e on e.person_key = d.person_key
    left join {{ ref('fct_death') }} as f on f.person_key = d.person_key
    where
        d.is_current
        and {{ add_months('d.birth_date', 'g.min_age * 12') }} < clock.last_month
),

short as (
    select e.person_key, e.programme_code
    from elders as e
    left join paid as p
        on
            p.person_key = e.person_key
            and p.programme_code = e.programme_code
            and p.benefit_month between e.first_month and e.last_month
    where e.first_month <= e.last_month
    group by e.person_key, e.programme_code, e.first_month, e.last_month
    having count(p.benefit_month) < {{ months_apart('e.first_month', 'e.last_month') }} + 1
),

unpaid as (
    select e.*, m.month_start as month
    from elders as e
    semi join short as s
        on s.person_key = e.person_key and s.programme_code = e.programme_code
    inner join {{ ref('dim_month') }} as m
        on m.month_start >= e.first_month and m.month_start <= e.last_month
    anti join paid as p
        on
            p.person_key = e.person_key
            and p.programme_code = e.programme_code
            and p.benefit_month = m.month_start
),

-- The place that owes the month: where hukou or residence lay at the month's end. In the month of
-- a move neither county is at fault yet.
placed as (
    select
        u.*,
        case when u.requires = 'residence' then s.residence_region_code else s.hukou_region_code
        end as region_code
    from unpaid as u
    inner join {{ ref('spell_residence') }} as s
        on
            s.person_key = u.person_key
            and coalesce(s.valid_from, u.birth_date) < u.month
            and {{ open_end('s.valid_to') }} > last_day(u.month)
),

standards as ({{ standards_at('placed') }}),

-- A band is due from the month after its birthday too.
valued as (
    select
        p.*,
        {{ county('p.region_code') }} as county_code,
        -- In a month in which the standard changed, the later one.
        max_by(s.amount, s.min_age * 100000 + {{ month_number('s.valid_from') }}) as amount,
        max_by(s.band, s.min_age * 100000 + {{ month_number('s.valid_from') }}) as band
    from placed as p
    inner join standards as s
        on
            s.region_code = p.region_code
            and s.programme_code = p.programme_code
            and s.month = p.month
            and {{ month_start(add_months('p.birth_date', 's.min_age * 12')) }} < p.month
    {{ join_county('p.region_code') }}
    group by all
),

policy as ({{ policy_on('valued', 'U01') }}),

runs as (
    select
        v.*,
        policy.min_months,
        policy.pending_months,
        {{ months_apart("cast('2000-01-01' as date)", 'v.month') }} - row_number() over (
            partition by v.person_key, v.programme_code order by v.month
        ) as run_no
    from valued as v
    inner join policy on {{ same_policy('v') }}
    -- A county's month of which too little has been delivered says nothing about anybody.
    inner join {{ ref('int_payment_month') }} as f
        on
            f.county_code = v.county_code
            and f.programme_code = v.programme_code
            and f.month = v.month
    where
        {{ in_list('v.programme_code', 'policy.programmes') }}
        and f.payments * 100 >= f.most_payments * policy.feed_floor_percent
),

-- Newly of age and still waiting at the data's end: an application in hand, not a refusal.
flagged as (
    select
        r.*,
        r.person_key || '|' || r.programme_code as lead_key
    from runs as r
    cross join clock
    qualify
        count(*) over (partition by r.person_key, r.programme_code, r.run_no) >= r.min_months
        and not (
            min(r.month) over (partition by r.person_key, r.programme_code, r.run_no) = r.due_from
            and max(r.month) over (partition by r.person_key, r.programme_code, r.run_no)
            = clock.last_month
            and count(*) over (partition by r.person_key, r.programme_code, r.run_no)
            <= r.pending_months
        )
)

select
    {{ evidence_row(
        lead_key='f.lead_key', subject_kind="'person'", subject_key='f.person_key',
        subject_mask='f.person_mask', region_code='f.county_code',
        programme_code='f.programme_code', month='f.month', amount_point='f.amount',
        match_tier="case when f.id_form = 'converted_15' then 'M2' else 'M1' end",
        role='owed', dataset='f.dataset', source='f',
        fields={'month': 'f.month', 'band': 'f.band', 'amount_due': 'f.amount'},
    ) }}
from flagged as f
union all
select
    {{ evidence_row(
        lead_key='l.lead_key', subject_kind="'person'", subject_key='l.person_key',
        subject_mask='l.person_mask', role='standard', dataset='s.dataset', source='s',
        fields={'band': 's.band', 'amount': 's.amount', 'min_age': 's.min_age'},
    ) }}
from (
    select distinct lead_key, person_key, person_mask, region_code, programme_code, month, band
    from flagged
    qualify row_number() over (partition by lead_key, band order by month) = 1
) as l
inner join standards as s
    on
        s.region_code = l.region_code
        and s.programme_code = l.programme_code
        and s.month = l.month
        and s.band = l.band
