-- Basic medical insurance and long-term care insurance, monthly.
with

{{ published_figures('final', {
    'persons_enrolled': ['ltci_coverage_rate', 'denominator'],
    'persons_ltci': ['ltci_coverage_rate', 'numerator'],
}) }}

select * from final
