-- Money behind the findings: each delivered row once, however many rules point at it, with the
-- greatest of their amounts. What is owed to citizens stands apart from what was paid to them.
with

-- A payment, claim or order is its row; a benefit not paid is the citizen, programme and month.
items as (
    select
        is_owed,
        dataset,
        batch_id,
        row_no,
        month,
        max(programme_code) as programme_code,
        max(region_code) as region_code,
        max(amount_low) as amount_low,
        max(amount_point) as amount_point,
        max(amount_high) as amount_high
    from {{ ref('int_evidence') }}
    where month is not null
    group by
        is_owed, dataset, batch_id, row_no, month, case when is_owed then programme_code end
),

sums as (
    select
        is_owed,
        dataset,
        programme_code,
        region_code,
        month,
        count(*) as payments,
        sum(amount_low) as amount_low,
        sum(amount_point) as amount_point,
        sum(amount_high) as amount_high
    from items
    group by is_owed, dataset, programme_code, region_code, month
),

leads as (
    select
        is_owed,
        dataset,
        programme_code,
        region_code,
        month,
        count(distinct finding_id) as findings
    from {{ ref('int_evidence') }}
    where month is not null
    group by is_owed, dataset, programme_code, region_code, month
)

select
    case when sums.is_owed then 'owed' else 'at_risk' end as side,
    sums.dataset,
    sums.programme_code,
    sums.region_code,
    sums.month,
    sums.payments,
    leads.findings,
    cast(sums.amount_low as decimal(18, 2)) as amount_low,
    cast(sums.amount_point as decimal(18, 2)) as amount_point,
    cast(sums.amount_high as decimal(18, 2)) as amount_high
from sums
left join leads
    on
        leads.is_owed = sums.is_owed
        and leads.dataset = sums.dataset
        and leads.programme_code is not distinct from sums.programme_code
        and leads.region_code is not distinct from sums.region_code
        and leads.month = sums.month
