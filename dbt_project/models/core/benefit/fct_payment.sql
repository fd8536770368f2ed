{{
    config(
        materialized='incremental',
        unique_key='payment_no',
        incremental_strategy=increment_strategy(),
        pre_hook="{{ renumber({'person_key': 'id_token'}) }}",
        post_hook="{{ mark_loaded(['subsidy_payment']) }}",
    )
}}
{%- set delivered = [
    'payment_no', 'payee_name_token', 'programme_code', 'benefit_month', 'amount', 'paid_at',
    'account_name_token', 'region_code', 'facility_code', 'batch_no', 'status', 'approved_by',
    'entered_by', 'batch_id', 'row_no', 'known_at',
] -%}
{%- set mapped_names = [
    'person_key', 'id_token', 'person_mask', 'id_form', 'account_token', 'account_mask',
] -%}
{%- set names = delivered + mapped_names %}

with {{ arrivals('subsidy_payment') }},

mapped as (
    select
        coalesce(renumbered.person_key, arrivals.id_no_token) as person_key,
        arrivals.id_no_token as id_token,
        arrivals.id_no_mask as person_mask,
        arrivals.id_no_form as id_form,
        arrivals.bank_account_token as account_token,
        arrivals.bank_account_mask as account_mask,
        arrivals.{{ delivered | join(', arrivals.') }}
    from arrivals
    left join {{ ref('int_person_renumbered') }} as renumbered
        on arrivals.id_no_token = renumbered.id_token
),

{% if adds_to_existing() -%}
-- A new row can cancel an older one, or free it: all rows of its group are judged again.
touched as (
    select programme_code, benefit_month, coalesce(person_key, facility_code, '') as payee_key
    from mapped
    union
    select old.programme_code, old.benefit_month, coalesce(old.person_key, old.facility_code, '')
    from {{ this }} as old
    semi join mapped on old.payment_no = mapped.payment_no
    union
    select old.programme_code, old.benefit_month, old.person_key
    from {{ this }} as old
    semi join {{ ref('int_person_renumbered') }} as renumbered
        on old.person_key = renumbered.person_key
),

payments as (
    select {{ names | join(', ') }} from mapped
    union all
    select old.{{ names | join(', old.') }}
    from {{ this }} as old
    semi join touched
        on
            old.programme_code = touched.programme_code
            and old.benefit_month = touched.benefit_month
            and coalesce(old.person_key, old.facility_code, '') = touched.payee_key
    anti join mapped on old.payment_no = mapped.payment_no
),
{%- else -%}
payments as (
    select {{ names | join(', ') }} from mapped
),
{%- endif %}

reversals as (
    select
        programme_code,
        benefit_month,
        coalesce(person_key, facility_code, '') as payee_key,
        -amount as amount,
        count(*) as reversal_count
    from payments
    where status = 'reversed' and amount < 0
    group by programme_code, benefit_month, coalesce(person_key, facility_code, ''), -amount
),

-- One reversing row cancels one payment: of several equal ones the latest paid.
cancelled as (
    select payments.payment_no
    from payments
    inner join reversals
        on
            payments.programme_code = reversals.programme_code
            and payments.benefit_month = reversals.benefit_month
            and payments.amount = reversals.amount
            and coalesce(payments.person_key, payments.facility_code, '') = reversals.payee_key
    where payments.status = 'success'
    qualify
        row_number() over (
            partition by
                reversals.payee_key,
                payments.programme_code,
                payments.benefit_month,
                payments.amount
            order by payments.paid_at desc, payments.payment_no desc
        ) <= max(reversals.reversal_count) over (
            partition by
                reversals.payee_key,
                payments.programme_code,
                payments.benefit_month,
                payments.amount
        )
),

final as (
    select
        payments.{{ names | join(', payments.') }},
        payments.status = 'success' and cancelled.payment_no is null as is_effective,
        'subsidy_payment' as dataset
    from payments
    left join cancelled on payments.payment_no = cancelled.payment_no
)

select * from final
