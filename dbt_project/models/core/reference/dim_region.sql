-- A version of a code ends on its delivered end day, or when the next version of the code begins,
-- whichever comes first: two at a time would count a place twice.
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
        least(valid_to, next_valid_from) as valid_to,
        successor_codes,
        valid_to is null and next_valid_from is null as is_current,
        'region' as dataset,
        batch_id,
        row_no,
        known_at
    from regions
)

select * from final
