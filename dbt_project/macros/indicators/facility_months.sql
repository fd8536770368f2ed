{#- A CTE `name`: one row a facility and month, as registered on the month's last day.
    Columns: facility_code, month_no, region_code, kind, ownership, beds_total, beds_nursing,
    beds_dementia, functions, is_open (opened, not closed), is_institution (养老机构: open, of kind
    institution, registered). The first known version also stands for the time before it. -#}
{% macro facility_months(name) -%}
{{ name }}__versions as (
    select
        *,
        row_number() over (partition by facility_code order by valid_from) as version_no
    from {{ ref('dim_facility') }}
),

{{ name }} as (
    select
        facility.facility_code,
        months.month_no,
        facility.region_code,
        facility.kind,
        facility.ownership,
        cast(coalesce(facility.beds_total, 0) as bigint) as beds_total,
        cast(coalesce(facility.beds_nursing, 0) as bigint) as beds_nursing,
        cast(coalesce(facility.beds_dementia, 0) as bigint) as beds_dementia,
        facility.functions,
        true as is_open,
        facility.kind = 'institution'
            and coalesce(facility.registered_on <= months.period_end, false) as is_institution
    from {{ name }}__versions as facility
    inner join (
        select distinct month_no, period_end from {{ ref('int_region_month') }}
    ) as months
        on facility.opened_on <= months.period_end
        and (facility.closed_on is null or facility.closed_on > months.period_end)
        and (facility.valid_from <= months.period_end or facility.version_no = 1)
        and (facility.valid_to is null or facility.valid_to > months.period_end)
)
{%- endmacro %}


{#- A CTE `name` [region_code, month_no] that sums `measures` of `source` [region_code, month_no, …]
    for every county, prefecture and province of today above the rows' own region. -#}
{% macro climb(name, source, measures, where=none) -%}
{{ name }} as (
    select
        above.ancestor_code as region_code,
        source.month_no
        {%- for measure in measures %},
        sum(source.{{ measure }}) as {{ measure }}
        {%- endfor %}
    from {{ source }} as source
    inner join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = source.region_code
        and above.ancestor_level in ('county', 'prefecture', 'province')
    {%- if where %}
    where {{ where }}
    {%- endif %}
    group by above.ancestor_code, source.month_no
)
{%- endmacro %}
