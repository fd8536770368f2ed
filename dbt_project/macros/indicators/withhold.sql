{# Officials see no count of persons from 1 to this number - 1; 0 turns that off. #}
{% macro suppression_threshold() -%}
    {{ return(env_var('YINLING_SUPPRESSION_OFFICIALS', '5') | int) }}
{%- endmacro %}


{#- CTEs that decide which cells are withheld so that no count of persons from 1 to the threshold - 1
    is shown, nor follows from what is shown (standard practice of statistical offices: primary and
    complementary suppression along the tree county < prefecture < province).

    `source`: a CTE [keys…, region_code, region_level, parent_code, parts…]; each part is a count of
    persons (or null); all parts of a row are withheld together. `name`: the resulting CTE
    [keys…, region_code] of the cells to withhold. threshold 0 withholds nothing.

    A group is the regions under one parent. If what is withheld in it could be worked out from the
    parent (one cell alone, or cells whose sum is itself small), the smallest other region of the
    group that has persons in that part goes too; if there is none, the parent goes. Afterwards a withheld parent needs a withheld
    child. "Smallest" goes by a fixed order of regions, so that tables that share a count choose alike. -#}
{% macro withhold(name, source, keys, parts, threshold) -%}
{{ name }}__sized as (
    select
        source.{{ keys | join(', source.') }},
        source.region_code,
        source.region_level,
        source.parent_code,
        coalesce(size.persons, 0) as size,
        {%- for part in parts %}
        coalesce(source.{{ part }}, 0) as {{ part }},
        {%- endfor %}
        {% for part in parts -%}
        coalesce(source.{{ part }} between 1 and {{ threshold }} - 1, false)
        {{- ' or ' if not loop.last }}
        {%- endfor %} as is_small,
        {% for part in parts %}coalesce(source.{{ part }}, 0){{ ' + ' if not loop.last }}
        {%- endfor %} > 0 as is_candidate,
        {% for part in parts -%}
        case when source.{{ part }} = 0 then 1 else 0 end{{ ' + ' if not loop.last }}
        {%- endfor %} as empty_parts
    from {{ source }} as source
    left join {{ ref('int_region_size') }} as size
        on size.region_code = source.region_code
),

{{ _complement(name ~ '__county', name ~ '__sized', 'county', none, keys, parts, threshold) }},

{{ _complement(
    name ~ '__prefecture', name ~ '__sized', 'prefecture', name ~ '__county', keys, parts, threshold
) }},

{{ name }}__above as (
    select {{ keys | join(', ') }}, region_code from {{ name }}__prefecture where is_held
    union
    select {{ keys | join(', ') }}, region_code from {{ name }}__sized
    where region_level = 'province' and is_small
    union
    select {{ keys | join(', ') }}, parent_code as region_code
    from {{ name }}__prefecture where forces_parent
),

{{ name }}__opened as (
    select
        county.{{ keys | join(', county.') }},
        county.region_code,
        row_number() over (
            partition by county.{{ keys | join(', county.') }}, county.parent_code
            order by county.empty_parts, county.size, county.region_code
        ) as place_no,
        max(case when county.is_held then 1 else 0 end) over (
            partition by county.{{ keys | join(', county.') }}, county.parent_code
        ) as any_held
    from {{ name }}__county as county
    inner join {{ name }}__prefecture as above
        on {% for key in keys %}above.{{ key }} = county.{{ key }} and {% endfor -%}
        above.region_code = county.parent_code
        and above.is_held
    where county.is_candidate
),

{{ name }} as (
    select {{ keys | join(', ') }}, region_code from {{ name }}__above
    union
    select {{ keys | join(', ') }}, region_code from {{ name }}__county where is_held
    union
    select {{ keys | join(', ') }}, region_code from {{ name }}__opened
    where any_held = 0 and place_no = 1
)
{%- endmacro %}


{#- One level of `withhold`: is_held (small, forced by a child, or chosen to hide a sibling) and
    forces_parent. `children`: the CTE of the level below, null at the lowest. -#}
{% macro _complement(name, source, level, children, keys, parts, threshold) -%}
{%- set by = keys | join(', ') -%}
{{ name }}__first as (
    select
        cell.*,
        {% if children -%}
        cell.is_small or forced.region_code is not null as held_first,
        {%- else -%}
        cell.is_small as held_first,
        {%- endif %}
        coalesce(parent.is_small, false) as parent_is_small
    from {{ source }} as cell
    left join {{ source }} as parent
        on {% for key in keys %}parent.{{ key }} = cell.{{ key }} and {% endfor -%}
        parent.region_code = cell.parent_code
    {%- if children %}
    left join (
        select distinct {{ by }}, parent_code as region_code from {{ children }}
        where forces_parent
    ) as forced
        on {% for key in keys %}forced.{{ key }} = cell.{{ key }} and {% endfor -%}
        forced.region_code = cell.region_code
    {%- endif %}
    where cell.region_level = '{{ level }}'
),

{{ name }}__grouped as (
    select
        *,
        sum(case when held_first then 1 else 0 end) over siblings as held_count,
        sum(case when is_candidate and not held_first then 1 else 0 end) over siblings
            as candidates
        {%- for part in parts %},
        sum(case when held_first then {{ part }} else 0 end) over siblings
            between 1 and {{ threshold }} - 1 as open_{{ part }}
        {%- endfor %}
    from {{ name }}__first
    window siblings as (partition by {{ by }}, parent_code)
),

-- In each group the place of a region among those that could hide the others, and among those that
-- have persons in the very part that shows.
{{ name }}__ranked as (
    select
        *,
        {%- for part in parts %}
        row_number() over (
            partition by {{ by }}, parent_code
            order by
                case when is_candidate and not held_first and {{ part }} > 0 then 0 else 1 end,
                empty_parts, size, region_code
        ) as place_{{ part }},
        {%- endfor %}
        row_number() over (
            partition by {{ by }}, parent_code
            order by
                case when is_candidate and not held_first then 0 else 1 end,
                empty_parts, size, region_code
        ) as place_no,
        held_count = 1 {% for part in parts %}or open_{{ part }} {% endfor %} as any_open
    from {{ name }}__grouped
),

{{ name }} as (
    select
        *,
        held_first or (
            not parent_is_small and held_count > 0 and is_candidate and (
                (
                    held_count = 1 and place_no = 1
                    and not ({% for part in parts %}open_{{ part }}
                        {{- ' or ' if not loop.last }}{% endfor %})
                )
                {%- for part in parts %}
                or (open_{{ part }} and place_{{ part }} = 1 and {{ part }} > 0)
                {%- endfor %}
            )
        ) as is_held,
        not parent_is_small and held_count > 0 and any_open and candidates = 0 as forces_parent
    from {{ name }}__ranked
)
{%- endmacro %}
