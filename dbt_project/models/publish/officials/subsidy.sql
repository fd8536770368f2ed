-- Benefits by programme and benefit month, at the paying region: money in full, beneficiaries and
-- the number of payments withheld where the persons are few. Cancelled and returned payments do
-- not count.
{%- set threshold = suppression_threshold() %}
with

payments as (
    select
        person_key,
        region_code,
        programme_code,
        {{ month_number('benefit_month') }} as month_no,
        amount
    from {{ ref('fct_payment') }}
    where is_effective
),

{{ count_persons_seen('persons', 'payments', keys=['programme_code'], only_living=false) }},

sums as (
    select region_code, programme_code, month_no, count(*) as payments, sum(amount) as paid_amount
    from payments
    group by region_code, programme_code, month_no
),

totals as (
    select
        spine.region_code,
        spine.region_level,
        spine.parent_code,
        spine.period_end as month,
        spine.month_no,
        sums.programme_code,
        sum(sums.payments) as payments,
        sum(sums.paid_amount) as paid_amount
    from sums
    inner join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = sums.region_code
    inner join {{ ref('int_region_month') }} as spine
        on spine.region_code = above.ancestor_code
        and spine.month_no = sums.month_no
    group by
        spine.region_code, spine.region_level, spine.parent_code, spine.period_end,
        spine.month_no, sums.programme_code
),

counts as (
    select
        totals.region_code,
        totals.region_level,
        totals.parent_code,
        totals.month,
        totals.programme_code,
        totals.payments,
        totals.paid_amount,
        coalesce(persons.persons, 0) as beneficiaries
    from totals
    left join persons
        on persons.region_code = totals.region_code
        and persons.programme_code = totals.programme_code
        and persons.month_no = totals.month_no
),

{{ withhold('withheld', 'counts', ['month', 'programme_code'], ['beneficiaries'], threshold) }},

final as (
    select
        counts.region_code,
        counts.region_level,
        counts.month,
        counts.programme_code,
        programme.name as programme_name,
        cast(counts.paid_amount as decimal(18, 2)) as paid_amount,
        case when withheld.region_code is null then cast(counts.payments as bigint)
        end as payments,
        case when withheld.region_code is null then cast(counts.beneficiaries as bigint)
        end as beneficiaries,
        case when withheld.region_code is null then 'ok' else 'suppressed' end as status_code
    from counts
    left join withheld
        on withheld.region_code = counts.region_code
        and withheld.month = counts.month
        and withheld.programme_code = counts.programme_code
    left join {{ ref('dim_programme') }} as programme
        on programme.programme_code = counts.programme_code
)

select * from final
