{{ config(materialized='view') }}

with final as (
    select
        payment.*,
        payment.status = 'success' and cancelled.row_no is null as is_effective
    from {{ ref('int_payment') }} as payment
    -- By place, not by number: every reader of payments would unpack millions of numbers.
    left join {{ ref('int_payment_cancelled') }} as cancelled
        on payment.row_no = cancelled.row_no and payment.batch_id = cancelled.batch_id
)

select * from final
