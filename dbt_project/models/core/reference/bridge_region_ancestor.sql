-- Every code, retired ones included, under the regions of today that contain it. A split code is
-- placed only where all its successors agree: in their common prefecture, but in no county.
with recursive latest as (
    select
        region_code,
        level,
        parent_code,
        successor_codes
    from {{ ref('dim_region') }}
    where is_latest
),

parents as (
    select
        latest.region_code,
        latest.level,
        parent.current_code as parent_code
    from latest
    inner join {{ ref('bridge_region_current') }} as own
        on latest.region_code = own.region_code
    left join {{ ref('bridge_region_current') }} as parent
        on latest.parent_code = parent.region_code
    where own.change_kind = 'current'
),

climb as (
    select
        region_code,
        region_code as ancestor_code,
        0 as hops
    from parents
    union all
    select
        climb.region_code,
        parents.parent_code as ancestor_code,
        climb.hops + 1 as hops
    from climb
    inner join parents on climb.ancestor_code = parents.region_code
    where parents.parent_code is not null and climb.hops < 10
),

placed as (
    select
        bridge.region_code,
        climb.ancestor_code
    from {{ ref('bridge_region_current') }} as bridge
    inner join climb on bridge.current_code = climb.region_code
),

split_codes as (
    select latest.region_code, latest.successor_codes
    from latest
    inner join {{ ref('bridge_region_current') }} as bridge
        on latest.region_code = bridge.region_code
    where bridge.change_kind = 'split' and latest.successor_codes like '%;%'
),

split_parts as (
    select region_code, part_code
    from {{ list_items('split_codes', 'successor_codes', 'part_code') }} as parts
),

split_sizes as (
    select region_code, count(*) as part_count
    from split_parts
    group by region_code
),

split_placed as (
    select split_parts.region_code, placed.ancestor_code
    from split_parts
    inner join placed on split_parts.part_code = placed.region_code
    inner join split_sizes on split_parts.region_code = split_sizes.region_code
    group by split_parts.region_code, placed.ancestor_code
    having count(*) = max(split_sizes.part_count)
),

final as (
    select placed_codes.region_code, placed_codes.ancestor_code, parents.level as ancestor_level
    from (
        select region_code, ancestor_code from placed
        union all
        select region_code, ancestor_code from split_placed
    ) as placed_codes
    inner join parents on placed_codes.ancestor_code = parents.region_code
)

select * from final
