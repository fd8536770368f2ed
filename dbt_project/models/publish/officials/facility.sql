-- Facilities and beds, monthly. beds_total and beds_nursing are those of institutions;
-- beds_elder_care adds the open community facilities. Only residents are persons.
with

{{ facility_months('facilities') }},

counted as (
    select
        region_code,
        month_no,
        1 as facilities,
        case when is_institution then 1 else 0 end as institutions,
        case when is_institution then beds_total else 0 end as beds_total,
        case when is_institution then beds_nursing else 0 end as beds_nursing,
        case when is_institution then beds_dementia else 0 end as beds_dementia
    from facilities
),

{{ climb('counts', 'counted', [
    'facilities', 'institutions', 'beds_total', 'beds_nursing', 'beds_dementia'
]) }},

{{ published_figures('figures', {
    'beds_elder_care': ['elder_care_bed_total', 'numerator'],
    'beds_public': ['public_facility_occupancy_rate', 'denominator'],
    'residents_public': ['public_facility_occupancy_rate', 'numerator'],
}) }},

final as (
    select
        figures.region_code,
        figures.region_level,
        figures.month,
        cast(coalesce(counts.facilities, 0) as bigint) as facilities,
        cast(coalesce(counts.institutions, 0) as bigint) as institutions,
        cast(coalesce(counts.beds_total, 0) as bigint) as beds_total,
        cast(coalesce(counts.beds_nursing, 0) as bigint) as beds_nursing,
        cast(coalesce(counts.beds_dementia, 0) as bigint) as beds_dementia,
        figures.beds_elder_care,
        figures.beds_public,
        figures.residents_public,
        figures.status_code,
        figures.data_through
    from figures
    left join counts
        on counts.region_code = figures.region_code
        and counts.month_no = {{ month_number('figures.month') }}
)

select * from final
