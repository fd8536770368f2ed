{#
    Standards in force for the (region_code, programme_code, month) of a relation: those of the
    nearest place that has any, one row a band.
#}
{% macro standards_at(relation) -%}
    select
        k.region_code,
        k.programme_code,
        k.month,
        s.band,
        s.valid_from,
        s.amount,
        s.requires,
        s.min_age,
        s.exclusion_group,
        s.dataset,
        s.batch_id,
        s.row_no,
        s.known_at
    from (select distinct region_code, programme_code, month from {{ relation }}) as k
    inner join {{ ref('bridge_region_ancestor') }} as a on a.region_code = k.region_code
    inner join {{ ref('dim_subsidy_standard') }} as s
        on
            s.programme_code = k.programme_code
            and s.region_code = a.ancestor_code
            and s.valid_from <= last_day(k.month)
            and {{ open_end('s.valid_to') }} > k.month
    qualify
        rank() over (
            partition by k.region_code, k.programme_code, k.month
            order by case a.ancestor_level
                when 'village' then 1
                when 'township' then 2
                when 'county' then 3
                when 'prefecture' then 4
                else 5
            end
        ) = 1
{%- endmacro %}
