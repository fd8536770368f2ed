-- The very rows behind the findings: batch and row number lead to the delivered line.
select
    finding_id,
    role,
    dataset,
    batch_id,
    row_no,
    known_at,
    fields
from {{ ref('int_evidence') }}
