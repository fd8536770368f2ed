-- A version of a code ends on its delivered end day, or when the next version of the code begins,
-- whichever comes first: two at a time would count a place twice. Today is the day of the newest
-- delivery: a version announced for a coming day waits for it.
with clock as (
    select cast(max(delivered_at) as date) as today from {{ ref('int_batch') }}
),

regions as (
    select
        *,
        lead(valid_from) over (
            partition by region_code order by valid_from
        ) as next_valid_from
    from {{ ref('stg_region') }}
),

dated as (
    select
        regions.*,
        least(regions.valid_to, regions.next_valid_from) as ends_on,
        clock.today,
        max(case when regions.valid_from <= clock.today then regions.valid_from end) over (
            partition by regions.region_code
        ) as latest_from
    from regions
    cross join clock
),

final as (
    select
        region_code,
        valid_from,
        name,
        level,
        parent_code,
        urban_rural,
        ends_on as valid_to,
        successor_codes,
        coalesce(valid_from = latest_from, false) as is_latest,
        coalesce(valid_from = latest_from and (ends_on is null or ends_on > today), false)
            as is_current,
        'region' as dataset,
        batch_id,
        row_no,
        known_at
    from dated
)

select * from final
