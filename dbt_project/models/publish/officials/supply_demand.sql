-- Elders beside the beds there are for them, monthly.
with

{{ published_figures('figures', {
    'persons_60plus': ['elderly_share_60plus', 'numerator'],
    'persons_special_difficulty': ['monthly_visit_rate', 'denominator'],
    'beds_total': ['elder_care_bed_total', 'numerator'],
    'beds_nursing': ['nursing_bed_share', 'numerator'],
    'family_beds': ['family_care_bed_count', 'numerator'],
}) }},

final as (
    select
        region_code,
        region_level,
        month,
        persons_60plus,
        persons_special_difficulty,
        beds_total,
        beds_nursing,
        family_beds,
        {{ ratio('1000 * beds_total', 'persons_60plus') }} as beds_per_1000_elders,
        status_code,
        data_through
    from figures
)

select * from final
