with final as (
    select
        programme_code,
        name,
        class,
        agency,
        document_no,
        'programme' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_programme') }}
)

select * from final
