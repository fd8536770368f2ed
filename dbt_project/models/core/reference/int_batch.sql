-- Committed batches, as their manifests in the lake describe them, with the day their period ends.
with final as (
    select
        batch_id,
        dataset,
        provider,
        period,
        mode,
        sequence,
        cursor,
        delivered_at,
        received_at,
        rows_read,
        rows_loaded,
        rows_quarantined,
        {{ period_end('period') }} as period_end
    from {{ batch_manifests() }} as manifest
)

select * from final
