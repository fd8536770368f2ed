-- How each provider delivers each dataset: one row a dataset and provider; a county that never
-- delivered a dataset of the counties has a row too. "Today" is the day of the newest delivery.
-- Counts of rows are withheld where, less the deliveries that are shown, they would show few rows.
with

today as (
    select cast(max(delivered_at) as date) as today from {{ ref('int_batch') }}
),

delivered as (
    select
        batch.dataset,
        batch.provider,
        max(batch.period) as last_period,
        max(batch.period_end) as data_through,
        max(batch.delivered_at) as last_delivered_at,
        count(*) as batches,
        sum(
            case when cast(batch.delivered_at as date)
                <= {{ add_days('batch.period_end', 'dataset.latency_days') }} then 1 else 0 end
        ) as batches_on_time,
        sum(batch.rows_read) as rows_read,
        sum(batch.rows_loaded) as rows_loaded,
        sum(batch.rows_quarantined) as rows_quarantined
    from {{ ref('int_batch') }} as batch
    inner join {{ ref('int_dataset') }} as dataset
        on dataset.dataset = batch.dataset
    group by batch.dataset, batch.provider
),

withheld as (
    select dataset, provider
    from {{ ref('health_withheld') }}
    group by dataset, provider
    having count(*) = 1 or sum(rows_read) < {{ suppression_threshold() }}
),

counties as (
    select distinct region_code, name, substring(region_code, 1, 6) as provider
    from {{ ref('int_region_month') }}
    where region_level = 'county'
),

expected as (
    select dataset, provider, max(month) as last_month
    from {{ ref('health_owed') }}
    group by dataset, provider
),

owed as (
    select dataset, provider from expected
    union
    select dataset, provider from delivered
    union
    select dataset.dataset, '' as provider
    from {{ ref('int_dataset') }} as dataset
    anti join delivered
        on delivered.dataset = dataset.dataset
),

stated as (
    select
        owed.dataset,
        dataset.title as dataset_zh,
        dataset.owner,
        owed.provider,
        counties.name as provider_name,
        counties.region_code,
        dataset.cadence,
        dataset.latency_days,
        delivered.last_period,
        delivered.data_through,
        delivered.last_delivered_at,
        coalesce(delivered.batches, 0) as batches,
        coalesce(delivered.batches_on_time, 0) as batches_on_time,
        {%- for column in ['rows_read', 'rows_loaded', 'rows_quarantined'] %}
        case when withheld.provider is null then coalesce(delivered.{{ column }}, 0)
        end as {{ column }},
        {%- endfor %}
        {{ days_between('delivered.last_delivered_at', 'today.today') }} as days_since_delivery,
        -- Due since: the end of the first period not yet delivered, and the days allowed.
        {{ add_days(
            'last_day(' ~ add_months('delivered.data_through', 'dataset.months') ~ ')',
            'dataset.latency_days'
        ) }} as next_due_on,
        today.today,
        -- A county that is no more owes nothing.
        coalesce(expected.last_month >= {{ month_start('today.today') }}, false) as is_expected
    from owed
    inner join {{ ref('int_dataset') }} as dataset
        on dataset.dataset = owed.dataset
    cross join today
    left join delivered
        on delivered.dataset = owed.dataset
        and delivered.provider = owed.provider
    left join withheld
        on withheld.dataset = owed.dataset
        and withheld.provider = owed.provider
    left join expected
        on expected.dataset = owed.dataset
        and expected.provider = owed.provider
    left join counties
        on counties.provider = owed.provider
),

final as (
    select
        dataset,
        dataset_zh,
        owner,
        nullif(provider, '') as provider,
        provider_name,
        region_code,
        cadence,
        last_period,
        data_through,
        last_delivered_at,
        next_due_on,
        days_since_delivery,
        cast(batches as bigint) as batches,
        cast(batches_on_time as bigint) as batches_on_time,
        cast(rows_read as bigint) as rows_read,
        cast(rows_loaded as bigint) as rows_loaded,
        cast(rows_quarantined as bigint) as rows_quarantined,
        {{ ratio('100 * rows_quarantined', 'rows_read') }} as quarantine_share,
        case
            when batches = 0 then 'never'
            when is_expected and next_due_on < today then 'late'
            else 'on_time'
        end as status
    from stated
)

select * from final
