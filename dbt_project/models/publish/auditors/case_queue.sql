-- The order in which leads are looked at. Three tracks take turns, so that citizens who are owed
-- money wait no longer than those who were overpaid, and a random control sample (by the finding's
-- own hash, so it never changes) shows how precise the rules are.
with

tracked as (
    select
        finding.*,
        substr({{ sha256_hex("finding.finding_id || '|control'") }}, 1, 4) < '0ccd'
            as is_control_sample,
        rule.family = 'under_claim' as is_owed
    from {{ ref('finding') }} as finding
    inner join {{ ref('int_rule') }} as rule on rule.rule_id = finding.rule_id
),

ranked as (
    select
        *,
        row_number() over (
            partition by is_control_sample, is_owed
            order by
                case when is_control_sample then finding_id end nulls last,
                class nulls last,
                severity nulls last,
                known_class desc nulls last,
                amount_point desc nulls last,
                finding_id nulls last
        ) as place
    from tracked
),

queued as (
    select
        *,
        row_number() over (
            order by
                place nulls last,
                is_owed desc nulls last,
                is_control_sample nulls last,
                finding_id nulls last
        ) as queue_no
    from ranked
)

select
    queue_no,
    row_number() over (partition by region_code order by queue_no nulls last)
        as region_queue_no,
    finding_id,
    rule_id,
    case when is_owed then 'owed' else 'at_risk' end as side,
    class,
    severity,
    region_code,
    amount_point,
    is_control_sample,
    case
        when is_control_sample then '随机对照样本：用于估计规则的准确率'
        when is_owed then '应享未享：与多发同等优先'
        when known_class = 'K3' then '发放方登记的死亡日期晚于证明'
        when known_class = 'K2' then '发放方已知情仍发放'
        when class = 'A' then '两份记录直接矛盾，全部核查'
        when class = 'B' then '与政策不符，按县全部核查'
        else '按风险排序'
    end as priority_reason_zh
from queued
