with final as (
    select
        uscc,
        list,
        listed_on as valid_from,
        removed_on as valid_to,
        reason,
        'credit_list' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_credit_list') }}
)

select * from final
