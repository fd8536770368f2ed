-- Deliveries that were taken, with the day they were due and what was refused of them.
with

batches as (
    select * from {{ ref('int_batch') }}
),

datasets as (
    select * from {{ ref('int_dataset') }}
),

refused as (
    select
        batch_id,
        sum(case when dimension = 'completeness' then refused_rows else 0 end) as incomplete,
        sum(case when dimension = 'validity' then refused_rows else 0 end) as invalid,
        sum(case when dimension = 'uniqueness' then refused_rows else 0 end) as repeated
    from {{ ref('health_refused') }}
    group by batch_id
),

dated as (
    select
        batches.*,
        {{ add_days('batches.period_end', 'datasets.latency_days') }} as due_on,
        row_number() over (
            partition by batches.dataset, batches.provider, batches.period
            order by batches.delivered_at asc nulls first, batches.sequence asc nulls first
        ) = 1 as is_first
    from batches
    inner join datasets on batches.dataset = datasets.dataset
    where batches.period_end is not null
),

final as (
    select
        dated.batch_id,
        dated.dataset,
        dated.provider,
        dated.period,
        {{ month_start('dated.period_end') }} as month,
        dated.period_end,
        dated.mode,
        dated.sequence,
        dated.is_first,
        dated.delivered_at,
        dated.due_on,
        cast(
            greatest({{ days_between('dated.due_on', 'dated.delivered_at') }}, 0) as bigint
        ) as days_late,
        dated.rows_read,
        cast(coalesce(refused.incomplete, 0) as bigint) as rows_incomplete,
        cast(coalesce(refused.invalid, 0) as bigint) as rows_invalid,
        cast(coalesce(refused.repeated, 0) as bigint) as rows_repeated
    from dated
    left join refused on dated.batch_id = refused.batch_id
)

select * from final
