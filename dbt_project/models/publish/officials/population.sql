-- Hukou population by age, monthly. A row whose groups, or what lies between them, would show a
-- small count of persons is withheld whole.
{%- set threshold = suppression_threshold() %}
with

counts as (
    select
        spine.region_code,
        spine.region_level,
        spine.parent_code,
        spine.period_end as month,
        population.persons,
        population.persons_60plus,
        population.persons_65plus,
        population.persons_80plus,
        population.women_60plus,
        population.persons - population.persons_60plus as under_60,
        population.persons_60plus - population.persons_65plus as aged_60_64,
        population.persons_65plus - population.persons_80plus as aged_65_79,
        population.persons_60plus - population.women_60plus as men_60plus
    from {{ ref('int_region_month') }} as spine
    inner join {{ ref('int_hukou_population') }} as population
        on population.region_code = spine.region_code
        and population.month_no = spine.month_no
),

{{ withhold(
    'withheld', 'counts', ['month'],
    ['persons', 'persons_60plus', 'persons_65plus', 'persons_80plus', 'women_60plus', 'under_60',
     'aged_60_64', 'aged_65_79', 'men_60plus'],
    threshold,
) }},

final as (
    select
        counts.region_code,
        counts.region_level,
        counts.month,
        {%- for column in [
            'persons', 'persons_60plus', 'persons_65plus', 'persons_80plus', 'women_60plus'
        ] %}
        case when withheld.region_code is null then counts.{{ column }} end as {{ column }},
        {%- endfor %}
        case when withheld.region_code is null then 'ok' else 'suppressed' end as status_code
    from counts
    left join withheld
        on withheld.region_code = counts.region_code
        and withheld.month = counts.month
)

select * from final
