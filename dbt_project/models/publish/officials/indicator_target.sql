-- What the policy documents want; where a document contradicts itself, both targets.
select
    indicator_id,
    document,
    region_code,
    year,
    target_value,
    direction,
    kind,
    is_baseline,
    clause,
    note_zh
from {{ ref('int_indicator_target') }}
