-- The batches that evidence rows point into, with the hash of the delivered file.
select
    batch_id,
    dataset,
    provider,
    period,
    sequence,
    file,
    sha256,
    received_at,
    rows_read,
    rows_loaded,
    rows_quarantined
from {{ batch_manifests() }} as manifest
