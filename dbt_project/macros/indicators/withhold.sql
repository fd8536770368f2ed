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

    A group is the regions under one parent. Where the small counts of a part add up to a small sum,
    the parent would give them away: the smallest other region of the group with persons in that part
    goes too (if there is none, the parent is as small, and withheld itself). Afterwards a withheld
    parent needs a withheld child. "Smallest" goes by a fixed order of regions, so that tables that
    share a count choose alike. -#}
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

{{ _complement(name ~ '__county', name ~ '__sized', 'county', keys, parts, threshold) }},

{{ _complement(name ~ '__prefecture', name ~ '__sized', 'prefecture', keys, parts, threshold) }},

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
    select {{ keys | join(', ') }}, region_code from {{ name }}__sized
    where region_level = 'province' and is_small
    union
    select {{ keys | join(', ') }}, region_code from {{ name }}__prefecture where is_held
    union
    select {{ keys | join(', ') }}, region_code from {{ name }}__county where is_held
    union
    select {{ keys | join(', ') }}, region_code from {{ name }}__opened
    where any_held = 0 and place_no = 1
)
{%- endmacro %}


{#- One level of `withhold`: is_held, small itself or chosen to hide a small sibling. -#}
{% macro _complement(name, source, level, keys, parts, threshold) -%}
{%- set by = keys | join(', ') -%}
{{ name }}__first as (
    select cell.*, coalesce(parent.is_small, false) as parent_is_small
    from {{ source }} as cell
    left join {{ source }} as parent
        on {% for key in keys %}parent.{{ key }} = cell.{{ key }} and {% endfor -%}
        parent.region_code = cell.parent_code
    where cell.region_level = '{{ level }}'
),

{{ name }}__grouped as (
    select
        *
        {%- for part in parts %},
        sum(case when is_small then {{ part }} else 0 end) over siblings
            between 1 and {{ threshold }} - 1 as open_{{ part }}
        {%- endfor %}
    from {{ name }}__first
    window siblings as (partition by {{ by }}, parent_code)
),

-- The place of a region among those of its group that have persons in the part that shows.
{{ name }}__ranked as (
    select
        *
        {%- for part in parts %},
        row_number() over (
            partition by {{ by }}, parent_code
            order by
                case when not is_small and {{ part }} > 0 then 0 else 1 end,
                empty_parts, size, region_code
        ) as place_{{ part }}
        {%- endfor %}
    from {{ name }}__grouped
),

{{ name }} as (
    select
        *,
        is_small or (
            not parent_is_small and (
                {%- for part in parts %}
                (open_{{ part }} and place_{{ part }} = 1 and {{ part }} > 0)
                {{- ' or' if not loop.last }}
                {%- endfor %}
            )
        ) as is_held
    from {{ name }}__ranked
)
{%- endmacro %}
