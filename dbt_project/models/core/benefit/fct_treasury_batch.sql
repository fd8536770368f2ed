-- A cancelling row is negative and stands on no list; a returned one the bank could not pay.
with detail as (
    select
        payment.batch_no,
        count(*) as detail_count,
        sum(payment.amount) as detail_amount,
        count(*) filter (where payment.status <> 'returned') as detail_success_count
    from {{ ref('int_payment') }} as payment
    where payment.amount > 0
    group by payment.batch_no
),

final as (
    select
        delivered.batch_no,
        delivered.programme_code,
        delivered.region_code,
        delivered.month as benefit_month,
        delivered.list_count,
        delivered.list_amount,
        delivered.treasury_amount,
        delivered.bank_success_count,
        delivered.bank_success_amount,
        cast(coalesce(detail.detail_count, 0) as bigint) as detail_count,
        cast(coalesce(detail.detail_amount, 0) as decimal(18, 2)) as detail_amount,
        cast(coalesce(detail.detail_success_count, 0) as bigint) as detail_success_count,
        cast(delivered.treasury_amount - delivered.list_amount as decimal(18, 2)) as treasury_gap,
        cast(delivered.list_amount - coalesce(detail.detail_amount, 0) as decimal(18, 2))
            as detail_gap,
        'treasury_batch' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_treasury_batch') }} as delivered
    left join detail on delivered.batch_no = detail.batch_no
)

select * from final
