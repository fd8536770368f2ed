with final as (
    select
        indicator_id,
        region_code,
        period,
        case when length(period) = 4 then 'year' else 'month' end as period_kind,
        {{ period_end('period') }} as period_end,
        value,
        evidence_document,
        declared_by,
        'policy_declaration' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_policy_declaration') }}
)

select * from final
