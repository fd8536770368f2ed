{#- Last CTEs of an indicator model: one row a county, prefecture and province of today and a month's
    end, and the same again for each year's end; then select * from indicator_rows.

    numerator, denominator: CTEs [region_code, month_no] and the column named. A region without a row
    has 0 when `absent` is 0; `absent=none` leaves it null (not delivered).
    dated_by: the feeds whose latest deliveries say how far the figure's data reach. What they said
    last stands for `carried_months` more; after that the region has not delivered.
    flows: those of them that tell what happened in the month itself; they are never carried on, and
    a month that was left out between two others has not been delivered.
    persons: which of the two count persons ('both', 'numerator', 'none'): publishing withholds small
    counts of persons only. -#}
{% macro indicator_rows(
    numerator, dated_by, denominator=none, persons='none', absent=0, flows=[], carried_months=3
) -%}
{%- set top, top_column = numerator -%}
{%- if denominator %}{% set bottom, bottom_column = denominator %}{% endif -%}
monthly as (
    select
        cast('{{ model.name }}' as varchar) as indicator_id,
        spine.region_code,
        spine.region_level,
        spine.period_end,
        spine.month_no,
        {{ _or_absent('top.' ~ top_column, absent) }} as numerator,
        {% if denominator -%}
        {{ _or_absent('bottom.' ~ bottom_column, absent) }} as denominator,
        {%- else -%}
        cast(null as decimal(18, 2)) as denominator,
        {%- endif %}
        through.data_through,
        -- A prefecture or province stands on its counties, whoever of them has delivered.
        through.data_through is not null and (
            spine.region_level != 'county' or (
                spine.month_no - {{ month_number('through.data_through') }} <= {{ carried_months }}
                {%- if flows %}
                and coalesce(through.flows_through >= spine.period_end, false)
                and gap.region_code is null
                {%- endif %}
            )
        ) as is_delivered,
        {{ 'false' if persons == 'none' else 'true' }} as person_counts,
        {{ 'true' if persons == 'both' else 'false' }} as persons_in_denominator
    from {{ ref('int_region_month') }} as spine
    left join {{ top }} as top
        on top.region_code = spine.region_code
        and top.month_no = spine.month_no
    {%- if denominator %}
    left join {{ bottom }} as bottom
        on bottom.region_code = spine.region_code
        and bottom.month_no = spine.month_no
    {%- endif %}
    left join (
        -- A feed that never came leaves the figure without a date, and so without a value.
        select
            region_code,
            {%- if flows %}
            min(case when dataset in ('{{ flows | join("', '") }}') then data_through end)
                as flows_through,
            {%- endif %}
            min(data_through) as data_through
        from {{ ref('int_data_through') }}
        where dataset in ('{{ dated_by | join("', '") }}')
        group by region_code
        having count(*) = {{ dated_by | length }}
    ) as through
        on through.region_code = spine.region_code
    {%- if flows %}
    left join (
        select distinct region_code, month_no
        from {{ ref('int_flow_gap') }}
        where dataset in ('{{ flows | join("', '") }}')
    ) as gap
        on gap.region_code = spine.region_code
        and gap.month_no = spine.month_no
    {%- endif %}
),

indicator_rows as (
    select
        monthly.indicator_id,
        monthly.region_code,
        monthly.region_level,
        monthly.period_end,
        kinds.period_kind,
        monthly.numerator,
        monthly.denominator,
        case
            when monthly.data_through < monthly.period_end then monthly.data_through
            when monthly.data_through is not null then monthly.period_end
        end as data_through,
        monthly.is_delivered,
        monthly.person_counts,
        monthly.persons_in_denominator
    from monthly
    inner join (
        select cast('month' as varchar) as period_kind, 1 as every_months
        union all
        select cast('year' as varchar) as period_kind, 12 as every_months
    ) as kinds
        on (monthly.month_no - 12) % kinds.every_months = 0
)
{%- endmacro %}


{% macro _or_absent(column, absent) -%}
    {%- if absent is none -%}
    cast({{ column }} as decimal(18, 2))
    {%- else -%}
    cast(coalesce({{ column }}, {{ absent }}) as decimal(18, 2))
    {%- endif -%}
{%- endmacro %}
