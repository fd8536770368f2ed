-- Outlines of today's counties and prefectures, as GeoJSON text.
select
    shape.region_code,
    region.name,
    region.level as region_level,
    shape.geometry
from {{ ref('dim_region_shape') }} as shape
inner join {{ ref('dim_region') }} as region
    on region.region_code = shape.region_code
    and region.is_current
