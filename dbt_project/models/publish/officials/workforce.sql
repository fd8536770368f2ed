-- Social workers and the elders they stand for, monthly.
with

{{ published_figures('final', {
    'persons_60plus': ['social_workers_per_1000_elders', 'denominator'],
    'persons_social_worker': ['social_workers_per_1000_elders', 'numerator'],
}) }}

select * from final
