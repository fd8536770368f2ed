-- Rows that landing refused, counted by batch, column and reason; their text stays in quarantine.
with

refusals as (
    select * from {{ manifest_refusals() }} as refusals
),

final as (
    select
        batch_id,
        column_name,
        reason,
        {{ health_dimension_of('reason') }} as dimension,
        cast(sum(refused_rows) as bigint) as refused_rows
    from refusals
    where {{ known_by_then('delivered_at') }}
    group by batch_id, column_name, reason
)

select * from final
