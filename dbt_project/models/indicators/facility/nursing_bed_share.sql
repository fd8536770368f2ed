-- Of the beds of institutions, those for nursing.
with

{{ facility_months('facilities') }},

{{ climb(
    'beds', 'facilities', ['beds_nursing', 'beds_total'], where='source.is_institution'
) }},

{{ indicator_rows(
    numerator=['beds', 'beds_nursing'],
    denominator=['beds', 'beds_total'],
    dated_by=['facility'],
) }}

select * from indicator_rows
