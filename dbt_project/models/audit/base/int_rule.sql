-- The register of rules: what each rule's own YAML says, and whether it is suspended on the data's
-- last day (a dated row of policy_parameter with parameter `suspended`; its value is the reason).
{%- set columns = {
    'rule_id': 'varchar', 'rule_version': 'varchar', 'name_zh': 'varchar', 'name_en': 'varchar',
    'family': 'varchar', 'class': 'varchar', 'severity': 'varchar', 'logic_zh': 'varchar',
    'guards_zh': 'varchar', 'legal_basis': 'varchar', 'parameters': 'varchar', 'feeds': 'varchar',
} %}
with

declared as (
    {{ rows_of(columns, declared_rules()) }}
),

suspensions as (
    select p.rule, max(p.value) as reason
    from {{ ref('policy_parameter') }} as p
    cross join (select max(month_end) as data_day from {{ ref('dim_month') }}) as clock
    where
        p.parameter = 'suspended'
        and p.valid_from <= clock.data_day
        and {{ open_end('p.valid_to') }} > clock.data_day
    group by p.rule
)

select
    declared.*,
    suspensions.rule is not null as suspended,
    suspensions.reason as suspended_reason
from declared
left join suspensions on suspensions.rule = declared.rule_id
