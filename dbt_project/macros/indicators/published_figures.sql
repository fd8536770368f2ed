{#- A CTE `name` [region_code, region_level, month]: figures of the published indicators as columns,
    withheld where the indicator is. columns: {column: [indicator_id, 'numerator' | 'denominator']}.
    status_code: ok, else why one of the columns is empty. -#}
{% macro published_figures(name, columns) -%}
{%- set wanted = [] -%}
{%- for source in columns.values() %}{% do wanted.append("'" ~ source[0] ~ "'") %}{% endfor -%}
{{ name }} as (
    select
        region_code,
        region_level,
        period_end as month,
        {%- for column, source in columns.items() %}
        cast(
            max(case when indicator_id = '{{ source[0] }}' then {{ source[1] }} end) as bigint
        ) as {{ column }},
        {%- endfor %}
        coalesce(
            max(case when status_code = 'suppressed' then status_code end),
            max(case when status_code = 'not_delivered' then status_code end),
            'ok'
        ) as status_code,
        min(data_through) as data_through
    from {{ ref('indicator_value') }}
    where period_kind = 'month' and indicator_id in ({{ wanted | unique | join(', ') }})
    group by region_code, region_level, period_end
)
{%- endmacro %}
