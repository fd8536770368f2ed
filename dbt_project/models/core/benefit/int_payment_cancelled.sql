-- A row with the negative amount cancels an equal payment to the same payee, programme and month:
-- of several equal ones the latest paid. Who was paid: the person, else the facility.
with reversals as (
    select
        programme_code,
        benefit_month,
        coalesce(person_key, facility_code) as payee_key,
        -amount as amount,
        count(*) as reversal_count
    from {{ ref('int_payment') }}
    where status = 'reversed' and amount < 0
    group by programme_code, benefit_month, coalesce(person_key, facility_code), -amount
),

ranked as (
    select
        payments.payment_no,
        payments.batch_id,
        payments.row_no,
        reversals.reversal_count,
        row_number() over (
            partition by
                reversals.payee_key,
                payments.programme_code,
                payments.benefit_month,
                payments.amount
            order by payments.paid_at desc, payments.payment_no desc
        ) as place
    from {{ ref('int_payment') }} as payments
    inner join reversals
        on
            payments.programme_code = reversals.programme_code
            and payments.benefit_month = reversals.benefit_month
            and payments.amount = reversals.amount
            and coalesce(payments.person_key, payments.facility_code) = reversals.payee_key
    where payments.status = 'success'
),

final as (
    select payment_no, batch_id, row_no
    from ranked
    where place <= reversal_count
)

select * from final
