-- Committed batches, as their manifests in the lake describe them, with the day their period ends.
select
    batch_id,
    dataset,
    provider,
    period,
    mode,
    sequence,
    delivered_at,
    received_at,
    rows_read,
    rows_loaded,
    rows_quarantined,
    case
        when period like '____-__' then last_day(cast(period || '-01' as date))
        when period like '____' then cast(period || '-12-31' as date)
        when period like '____-__-__' then cast(period as date)
    end as period_end
from {{ batch_manifests() }} as manifest
where {{ known_by_then('received_at') }}
