-- Every delivery that came, was refused whole, or is owed and has not come.
{%- set replaced = [] %}
{%- for name, facts in dataset_facts().items() if facts['full_replaces'] == 'provider' %}
    {%- do replaced.append(name) %}
{%- endfor %}
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

-- Of registers, the last month that a full delivery tells about: it covers those before it.
covered as (
    select dataset, provider, max(month) as through_month
    from batches
    where mode = 'full' and dataset in ('{{ replaced | join("', '") }}')
    group by dataset, provider
),

refused as (
    select *, rows_incomplete + rows_invalid + rows_repeated as rows_refused from batches
),

deliveries as (
    select
        batch_id as delivery_id,
        dataset,
        provider,
        period,
        month,
        sequence,
        delivered_at,
        due_on,
        case when is_first then days_late else 0 end as days_late,
        rows_read,
        rows_refused,
        case
            when rows_refused = 0 then 'accepted'
            when rows_refused > {{ partly_accepted_over() }} * rows_read then 'partly_accepted'
            else 'accepted_with_errors'
        end as status,
        cast(null as {{ type_text() }}) as reason
    from refused
    union all
    select
        delivery_id, dataset, provider, period, month, sequence, delivered_at,
        cast(null as date), cast(null as bigint), cast(null as bigint), cast(null as bigint),
        'rejected', reason
    from {{ ref('health_rejection') }}
    union all
    select
        spine.dataset || '.' || spine.provider || '.' || {{ month_text('spine.month') }},
        spine.dataset,
        spine.provider,
        {{ month_text('spine.month') }},
        spine.month,
        cast(null as bigint),
        cast(null as timestamp),
        spine.due_on,
        cast(null as bigint),
        cast(null as bigint),
        cast(null as bigint),
        case when covered.through_month > spine.month then 'covered' else 'missing' end,
        cast(null as {{ type_text() }})
    from {{ ref('health_spine') }} as spine
    left join covered
        on spine.dataset = covered.dataset and spine.provider = covered.provider
    anti join batches
        on
            spine.dataset = batches.dataset
            and spine.provider = batches.provider
            and spine.month = batches.month
    where spine.is_owed and spine.is_due
),

final as (
    select
        deliveries.delivery_id,
        deliveries.dataset,
        datasets.title as dataset_zh,
        datasets.owner,
        deliveries.provider,
        places.name as provider_name,
        places.region_code,
        deliveries.period,
        deliveries.month,
        deliveries.sequence,
        deliveries.delivered_at,
        deliveries.due_on,
        cast(deliveries.days_late as bigint) as days_late,
        case when withheld.batch_id is null then deliveries.rows_read end as rows_read,
        case when withheld.batch_id is null then cast(deliveries.rows_refused as bigint)
        end as rows_refused,
        deliveries.status,
        {{ word_for('deliveries.reason', delivery_codes()) }} as reason_zh
    from deliveries
    inner join datasets on deliveries.dataset = datasets.dataset
    left join places on deliveries.provider = places.provider
    left join {{ ref('health_withheld') }} as withheld
        on deliveries.delivery_id = withheld.batch_id
)

select * from final
