{{ grows_by_batch('subsidy_payment', 'payment_no', {'person_key': 'id_token'}) }}

with {{ arrivals('subsidy_payment') }},

final as (
    select
        delivered.payment_no,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.payee_name_token,
        delivered.programme_code,
        delivered.benefit_month,
        delivered.amount,
        delivered.paid_at,
        delivered.bank_account_token as account_token,
        delivered.bank_account_mask as account_mask,
        delivered.account_name_token,
        delivered.region_code,
        delivered.facility_code,
        delivered.batch_no,
        delivered.status,
        delivered.approved_by,
        delivered.entered_by,
        'subsidy_payment' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from arrivals as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)

select * from final
