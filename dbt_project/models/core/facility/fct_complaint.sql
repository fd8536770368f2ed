with final as (
    select
        complaint_no,
        facility_code,
        received_on,
        kind,
        closed_on,
        closed_on is null as is_open,
        {{ days_between('received_on', 'closed_on') }} as days_to_close,
        'complaint' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_complaint') }}
)

select * from final
