-- Every indicator at every county, prefecture and province. Small counts of persons are withheld.
{%- set threshold = suppression_threshold() %}
with

cells as (
    select * from {{ ref('int_indicator_cell') }}
),

counts as (
    select
        cell.indicator_id,
        cell.period_end,
        cell.period_kind,
        cell.region_code,
        cell.region_level,
        cell.parent_code,
        case when cell.person_counts then cell.numerator end as numerator,
        case when cell.persons_in_denominator then cell.denominator end as denominator,
        case when cell.persons_in_denominator then cell.denominator - cell.numerator
        end as difference,
        -- An age group within another one: the difference of the two is a count of persons as well.
        whole.numerator - cell.numerator as rest_of_whole
    from cells as cell
    left join cells as whole
        on whole.indicator_id = cell.part_of
        and whole.region_code = cell.region_code
        and whole.period_end = cell.period_end
        and whole.period_kind = cell.period_kind
    -- What has not been delivered is not shown either, but must not follow from the sums.
    where cell.person_counts and cell.numerator is not null
),

{{ withhold(
    'withheld', 'counts', ['indicator_id', 'period_end', 'period_kind'],
    ['numerator', 'denominator', 'difference', 'rest_of_whole'], threshold,
) }},

final as (
    select
        cells.indicator_id,
        cells.region_code,
        cells.region_level,
        cells.period_end,
        cells.period_kind,
        case when withheld.region_code is null and cells.status_code != 'not_delivered'
            then cells.numerator
        end as numerator,
        case when withheld.region_code is null and cells.status_code != 'not_delivered'
            then cells.denominator
        end as denominator,
        case when withheld.region_code is null then cells.value end as value,
        cells.unit,
        cells.value_kind,
        case
            when withheld.region_code is not null and cells.status_code != 'not_delivered'
                then 'suppressed'
            else cells.status_code
        end as status_code,
        cells.data_through
    from cells
    left join withheld
        on withheld.indicator_id = cells.indicator_id
        and withheld.region_code = cells.region_code
        and withheld.period_end = cells.period_end
        and withheld.period_kind = cells.period_kind
)

select * from final
