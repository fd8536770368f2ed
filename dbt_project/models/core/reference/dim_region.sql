-- A code's delivered end day wins; without one, the next version of the same code ends it.
with regions as (
    select
        *,
        lead(valid_from) over (
            partition by region_code order by valid_from
        ) as next_valid_from
    from {{ ref('stg_region') }}
),

final as (
    select
        region_code,
        valid_from,
        name,
        level,
        parent_code,
        urban_rural,
        coalesce(valid_to, next_valid_from) as valid_to,
        successor_codes,
        valid_to is null and next_valid_from is null as is_current,
        'region' as dataset,
        batch_id,
        row_no,
        known_at
    from regions
)

select * from final
