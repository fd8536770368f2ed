-- The catalogue of indicators, as each one's own file describes it.
select
    indicator_id,
    theme,
    name_zh,
    name_en,
    definition_zh,
    numerator_zh,
    denominator_zh,
    unit,
    direction,
    feeds,
    value_kind,
    frequency,
    definition_version,
    definition_from,
    usable_for_zh,
    not_for_zh,
    office_zh
from {{ ref('int_indicator') }}
