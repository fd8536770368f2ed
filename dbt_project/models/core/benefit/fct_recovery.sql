with final as (
    select
        delivered.recovery_no,
        delivered.payment_no,
        payment.person_key,
        payment.person_mask,
        payment.programme_code,
        payment.benefit_month,
        payment.region_code,
        payment.amount as paid_amount,
        delivered.amount as recovered_amount,
        delivered.received_on,
        delivered.receipt_no,
        delivered.receipt_no is not null as has_receipt,
        cast(
            sum(delivered.amount) over (partition by delivered.payment_no) as decimal(18, 2)
        ) as recovered_in_all,
        'recovery' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_recovery') }} as delivered
    left join {{ ref('int_payment') }} as payment on delivered.payment_no = payment.payment_no
)

select * from final
