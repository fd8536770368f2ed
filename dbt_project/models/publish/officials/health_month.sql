-- Data health of each provider's datasets, month by month. Shares of so few rows that they would
-- show a small count of persons are withheld, as every small count in this file is.
{%- set threshold = suppression_threshold() %}
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

shares as (
    select
        scores.*,
        dimensions.good_from,
        dimensions.fair_from,
        {{ ratio('100 * scores.numerator', 'scores.denominator') }} as share,
        scores.dimension in ('completeness', 'validity', 'uniqueness')
        and scores.denominator > 0
        and scores.denominator < {{ threshold }} as is_small
    from scores
    inner join dimensions on scores.dimension = dimensions.dimension
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
