{{ config(materialized='view') }}

with final as (
    select
        payment.*,
        payment.status = 'success' and cancelled.payment_no is null as is_effective
    from {{ ref('int_payment') }} as payment
    left join {{ ref('int_payment_cancelled') }} as cancelled
        on payment.payment_no = cancelled.payment_no
)

select * from final
