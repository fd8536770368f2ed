-- The evidence of all rules that are not suspended, each row with the stable id of its finding.
with

evidence as (
    {%- for name in rule_models() %}
    select '{{ name | upper }}' as rule_id, * from {{ ref(name) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    {{ sha256_hex("evidence.rule_id || '|' || evidence.lead_key") }} as finding_id,
    rule.family = 'under_claim' as is_owed,
    evidence.*
from evidence
inner join {{ ref('int_rule') }} as rule
    on rule.rule_id = evidence.rule_id and not rule.suspended
