-- Deliveries whose counts of rows are withheld: those of so few rows that they would show a small
-- count of persons; and where the provider's total, less what is shown, would give those away, the
-- smallest other one.
{%- set threshold = suppression_threshold() %}
with

told as (
    select
        batch_id,
        dataset,
        provider,
        rows_read,
        rows_read between 1 and {{ threshold }} - 1 as is_small
    from {{ ref('int_batch') }}
    where rows_read > 0
),

placed as (
    select
        *,
        sum(case when is_small then 1 else 0 end) over provider_rows as small_deliveries,
        sum(case when is_small then rows_read else 0 end) over provider_rows as small_rows,
        row_number() over (
            partition by dataset, provider order by is_small, rows_read, batch_id
        ) as place
    from told
    window provider_rows as (partition by dataset, provider)
),

final as (
    select
        batch_id,
        dataset,
        provider,
        rows_read
    from placed
    where
        is_small
        or (
            place = 1
            and (small_deliveries = 1 or small_rows between 1 and {{ threshold }} - 1)
        )
)

select * from final
