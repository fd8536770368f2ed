-- Of the hukou population, those aged 65 and over.
with

population as (
    select * from {{ ref('int_hukou_population') }}
),

{{ indicator_rows(
    numerator=['population', 'persons_65plus'],
    denominator=['population', 'persons'],
    persons='both',
    dated_by=['household_person'],
) }}

select * from indicator_rows
