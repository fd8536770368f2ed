-- Findings: leads, never verdicts. The sums are those of the evidence rows. Whether a lead is new
-- or persists, and in which releases it was seen, the release step knows.
with

leads as (
    select
        finding_id,
        rule_id,
        max(subject_kind) as subject_kind,
        max(subject_key) as subject_key,
        max(subject_mask) as subject_mask,
        max_by(region_code, month) filter (where month is not null) as region_code,
        case when min(programme_code) = max(programme_code) then min(programme_code) end
            as programme_code,
        min(month) as first_month,
        max(month) as last_month,
        cast(sum(amount_low) as decimal(18, 2)) as amount_low,
        cast(sum(amount_point) as decimal(18, 2)) as amount_point,
        cast(sum(amount_high) as decimal(18, 2)) as amount_high,
        max(match_tier) as match_tier,
        max(known_class) as known_class
    from {{ ref('int_evidence') }}
    group by finding_id, rule_id
)

select
    leads.finding_id,
    leads.rule_id,
    rule.rule_version,
    rule.class,
    rule.severity,
    leads.subject_kind,
    leads.subject_key,
    leads.subject_mask,
    leads.region_code,
    leads.programme_code,
    leads.first_month,
    leads.last_month,
    leads.amount_low,
    leads.amount_point,
    leads.amount_high,
    leads.match_tier,
    leads.known_class,
    'new' as status,
    cast(null as varchar) as outcome
from leads
inner join {{ ref('int_rule') }} as rule on rule.rule_id = leads.rule_id
