-- Deliveries that were refused whole, from their receipts: when, whose, and the code of the reason.
with

receipts as (
    select * from {{ receipt_rows() }} as receipts where status = 'rejected'
),

final as (
    select
        batch_id || '/' || substring(coalesce(sha256, ''), 1, 8) as delivery_id,
        dataset,
        provider,
        period,
        {{ month_start(period_end('period')) }} as month,
        max(sequence) as sequence,
        min(delivered_at) as delivered_at,
        max(reason) as reason
    from receipts
    where {{ period_end('period') }} is not null and {{ known_by_then('delivered_at') }}
    group by batch_id, sha256, dataset, provider, period
)

select * from final
