-- Data health of each provider's datasets, month by month. Shares of a month with a delivery of so
-- few rows that it would show a small count of persons are withheld, as every small count here is.
with

scores as (
    select * from {{ ref('health_score') }}
),

datasets as (
    select * from {{ ref('int_dataset') }}
),

dimensions as (
    select * from {{ ref('health_dimension') }}
),

places as (
    select * from {{ ref('health_place') }}
),

withheld as (
    select distinct batches.dataset, batches.provider, batches.month
    from {{ ref('health_batch') }} as batches
    semi join {{ ref('health_withheld') }} as hidden on batches.batch_id = hidden.batch_id
),

shares as (
    select
        scores.*,
        dimensions.good_from,
        dimensions.fair_from,
        {{ ratio('100 * scores.numerator', 'scores.denominator') }} as share,
        scores.dimension in ('completeness', 'validity', 'uniqueness')
        and withheld.month is not null as is_small
    from scores
    inner join dimensions on scores.dimension = dimensions.dimension
    left join withheld
        on
            scores.dataset = withheld.dataset
            and scores.provider = withheld.provider
            and scores.month = withheld.month
),

final as (
    select
        shares.dataset,
        datasets.title as dataset_zh,
        datasets.owner,
        shares.provider,
        places.name as provider_name,
        places.region_code,
        shares.month,
        shares.dimension,
        case when not shares.is_small then shares.numerator end as numerator,
        case when not shares.is_small then shares.denominator end as denominator,
        case when not shares.is_small then shares.share end as value,
        shares.days,
        case
            when shares.is_small then 'suppressed'
            when shares.denominator is null then 'not_delivered'
            when shares.denominator = 0 then 'no_rows'
            when shares.share >= shares.good_from then 'good'
            when shares.share >= shares.fair_from then 'fair'
            else 'poor'
        end as status_code
    from shares
    inner join datasets on shares.dataset = datasets.dataset
    left join places on shares.provider = places.provider
)

select * from final
