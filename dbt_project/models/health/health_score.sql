-- Each dimension of each provider's month as a part of a whole; no parts where nothing came.
with

spine as (
    select * from {{ ref('health_spine') }}
),

batches as (
    select * from {{ ref('health_batch') }}
),

delivered as (
    select
        dataset,
        provider,
        month,
        count(*) as batches,
        sum(case when is_first then 1 else 0 end) as periods,
        sum(case when is_first and days_late = 0 then 1 else 0 end) as periods_on_time,
        max(case when is_first then days_late end) as days_late,
        sum(rows_read) as rows_read,
        sum(rows_incomplete) as rows_incomplete,
        sum(rows_invalid) as rows_invalid,
        sum(rows_repeated) as rows_repeated
    from batches
    group by dataset, provider, month
),

rejected as (
    select dataset, provider, month, count(*) as rejections
    from {{ ref('health_rejection') }}
    group by dataset, provider, month
),

newest as (
    select spine.dataset, spine.provider, spine.month, max(batches.period_end) as data_through
    from spine
    inner join batches
        on
            spine.dataset = batches.dataset
            and spine.provider = batches.provider
            and spine.looked_at >= cast(batches.delivered_at as date)
    group by spine.dataset, spine.provider, spine.month
),

told as (
    select
        spine.*,
        newest.data_through,
        delivered.days_late,
        coalesce(delivered.periods, 0) as periods,
        coalesce(delivered.periods_on_time, 0) as periods_on_time,
        delivered.rows_read,
        delivered.rows_incomplete,
        delivered.rows_invalid,
        delivered.rows_repeated,
        coalesce(delivered.batches, 0) as batches,
        coalesce(rejected.rejections, 0) as rejections,
        spine.is_owed and spine.is_due as is_missed
    from spine
    left join newest
        on
            spine.dataset = newest.dataset
            and spine.provider = newest.provider
            and spine.month = newest.month
    left join delivered
        on
            spine.dataset = delivered.dataset
            and spine.provider = delivered.provider
            and spine.month = delivered.month
    left join rejected
        on
            spine.dataset = rejected.dataset
            and spine.provider = rejected.provider
            and spine.month = rejected.month
),

parts as (
    select
        dataset, provider, month, 'freshness' as dimension,
        case when data_through >= coalesce(wanted_through, data_through) then 1 else 0 end
            as numerator,
        1 as denominator,
        greatest({{ days_between('data_through', 'looked_at') }}, 0) as days
    from told
    where data_through is not null or wanted_through is not null
    union all
    select
        dataset, provider, month, 'timeliness', periods_on_time, greatest(periods, 1), days_late
    from told
    where periods > 0 or is_missed
    union all
    select dataset, provider, month, 'consistency', batches, batches + rejections, null
    from told
    where batches + rejections > 0
    {%- for dimension, column in [
        ('completeness', 'rows_incomplete'), ('validity', 'rows_invalid'),
        ('uniqueness', 'rows_repeated'),
    ] %}
    union all
    select
        dataset, provider, month, '{{ dimension }}', rows_read - {{ column }}, rows_read, null
    from told
    where batches > 0 or is_missed
    {%- endfor %}
),

final as (
    select
        dataset,
        provider,
        month,
        dimension,
        {{ whole('numerator') }} as numerator,
        {{ whole('denominator') }} as denominator,
        {{ whole('days') }} as days
    from parts
)

select * from final
