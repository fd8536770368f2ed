-- Why rows were refused: counts by provider, month, column and reason, never a refused value.
with

datasets as (
    select * from {{ ref('int_dataset') }}
),

places as (
    select * from {{ ref('health_place') }}
),

batches as (
    select * from {{ ref('health_batch') }}
),

totals as (
    select
        batches.dataset,
        batches.provider,
        batches.month,
        sum(batches.rows_read) as rows_read,
        count(withheld.batch_id) > 0 as is_withheld
    from batches
    left join {{ ref('health_withheld') }} as withheld on batches.batch_id = withheld.batch_id
    group by batches.dataset, batches.provider, batches.month
),

refused as (
    select
        batches.dataset,
        batches.provider,
        batches.month,
        refusals.column_name,
        refusals.reason,
        refusals.dimension,
        sum(refusals.refused_rows) as refused_rows
    from {{ ref('health_refused') }} as refusals
    inner join batches on refusals.batch_id = batches.batch_id
    group by
        batches.dataset, batches.provider, batches.month, refusals.column_name, refusals.reason,
        refusals.dimension
),

final as (
    select
        refused.dataset,
        datasets.title as dataset_zh,
        datasets.owner,
        refused.provider,
        places.name as provider_name,
        places.region_code,
        refused.month,
        refused.column_name,
        {{ word_for("refused.dataset || '.' || refused.column_name", column_titles()) }}
            as column_zh,
        refused.reason,
        {{ word_for('refused.reason', refusal_reasons()) }} as reason_zh,
        refused.dimension,
        case when not totals.is_withheld then cast(refused.refused_rows as bigint)
        end as refused_rows,
        case when not totals.is_withheld then cast(totals.rows_read as bigint) end as rows_read
    from refused
    inner join totals
        on
            refused.dataset = totals.dataset
            and refused.provider = totals.provider
            and refused.month = totals.month
    inner join datasets on refused.dataset = datasets.dataset
    left join places on refused.provider = places.provider
)

select * from final
