-- Beds of institutions and of open community facilities; family care beds are not among them.
with

{{ facility_months('facilities') }},

{{ climb(
    'beds', 'facilities', ['beds_total'],
    where="source.is_institution or source.kind in
        ('community_embedded', 'day_care', 'rural_mutual_aid', 'township_centre')",
) }},

{{ indicator_rows(numerator=['beds', 'beds_total'], dated_by=['facility']) }}

select * from indicator_rows
