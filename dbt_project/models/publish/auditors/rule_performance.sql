-- How each rule does. Precision is known only once leads have outcomes: until then it is null.
with

leads as (
    select
        rule_id,
        count(*) as leads,
        count(outcome) as concluded,
        count(*) filter (where outcome = 'confirmed') as confirmed,
        count(*) filter (where outcome = 'explained') as explained,
        sum(amount_point) as amount_point
    from {{ ref('finding') }}
    group by rule_id
)

select
    rule.rule_id,
    coalesce(leads.leads, 0) as leads,
    coalesce(leads.concluded, 0) as concluded,
    coalesce(leads.confirmed, 0) as confirmed,
    coalesce(leads.explained, 0) as explained,
    {{ ratio('leads.confirmed', 'leads.concluded') }} as precision_share,
    cast(coalesce(leads.amount_point, 0) as decimal(18, 2)) as amount_point
from {{ ref('int_rule') }} as rule
left join leads on leads.rule_id = rule.rule_id
