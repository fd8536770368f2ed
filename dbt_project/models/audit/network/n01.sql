-- N01 同一账户收多人补贴
-- One bank account received the benefits of several persons who are not one household.
-- Candidates: accounts with two persons or more. Evidence: payments to those who do not own it.
with

holders as (
    select distinct account_token, person_key
    from {{ ref('fct_payment') }}
    where is_effective and person_key is not null and account_token is not null
),

shared as (
    select account_token
    from holders
    group by account_token
    having count(*) > 1
),

-- An account that also takes a facility's own money is the house's custody account.
custody as (
    select distinct p.account_token
    from {{ ref('fct_payment') }} as p
    semi join shared as s on s.account_token = p.account_token
    where p.facility_code is not null and p.person_key is null
),

pooled as (
    select p.*
    from {{ ref('fct_payment') }} as p
    semi join shared as s on s.account_token = p.account_token
    anti join custody as c on c.account_token = p.account_token
    where p.is_effective and p.person_key is not null
),

register as ({{ register_of('pooled') }}),

paid as (
    select
        p.*,
        g.class,
        {{ county('p.region_code') }} as county_code,
        p.benefit_month as month,
        coalesce(d.household_key, p.person_key) as household
    from pooled as p
    inner join {{ ref('dim_programme') }} as g on g.programme_code = p.programme_code
    left join register as d on d.person_key = p.person_key
    {{ join_county('p.region_code') }}
),

policy as ({{ policy_on('paid', 'N01') }}),

linked as ({{ with_link_tier('paid', 'payee_name_token') }}),

read as (
    select
        p.*,
        p.link_tier as match_tier,
        coalesce(p.payee_name_token = p.account_name_token, false) as is_owner,
        policy.min_persons
    from linked as p
    inner join policy on {{ same_policy('p') }}
    where
        {{ in_list('p.class', 'policy.programme_classes') }}
        and p.link_tier <= policy.worst_tier
),

-- Residents of one facility whose money a guardian in the house keeps together.
residents as (
    select r.account_token, s.facility_code, count(distinct r.person_key) as persons
    from (select distinct account_token, person_key from read) as r
    inner join {{ ref('spell_stay') }} as s on s.person_key = r.person_key
    group by r.account_token, s.facility_code
),

accounts as (
    select
        r.account_token,
        count(distinct r.person_key) as persons,
        count(distinct r.household) as households,
        max(r.household) filter (where r.is_owner) as owner_household
    from read as r
    group by r.account_token
    having count(distinct r.person_key) >= max(r.min_persons) and count(distinct r.household) > 1
),

leads as (
    select a.*
    from accounts as a
    anti join residents as r on r.account_token = a.account_token and r.persons >= a.persons
)

select
    {{ evidence_row(
        lead_key='r.account_token', subject_kind="'account'", subject_key='r.account_token',
        subject_mask='r.account_mask', region_code='r.county_code',
        programme_code='r.programme_code',
        month='case when not r.is_owner then r.benefit_month end',
        amount_low='case when not r.is_owner and r.household is distinct from l.owner_household'
            ' then r.amount else 0 end',
        amount_point='case when not r.is_owner then r.amount else 0 end',
        match_tier='r.match_tier', role='payment', dataset='r.dataset', source='r',
        fields={
            'benefit_month': 'r.benefit_month', 'amount': 'r.amount', 'person': 'r.person_key',
            'is_owner': 'r.is_owner', 'persons_on_account': 'l.persons',
            'households_on_account': 'l.households',
        },
    ) }}
from read as r
inner join leads as l on l.account_token = r.account_token
