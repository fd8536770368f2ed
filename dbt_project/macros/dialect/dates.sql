{# Dates and months. A month is the date of its first day. #}

{# Whole days from one date to another (negative when end is earlier). #}
{% macro days_between(start, end) %}{{ return(adapter.dispatch('days_between')(start, end)) }}{% endmacro %}
{% macro duckdb__days_between(start, end) -%}
    date_diff('day', cast({{ start }} as date), cast({{ end }} as date))
{%- endmacro %}
{% macro spark__days_between(start, end) -%}
    cast(datediff(cast({{ end }} as date), cast({{ start }} as date)) as bigint)
{%- endmacro %}

{# Whole seconds from one timestamp to another. #}
{% macro seconds_between(start, end) %}
    {{- return(adapter.dispatch('seconds_between')(start, end)) -}}
{% endmacro %}
{% macro duckdb__seconds_between(start, end) -%}
    (cast(floor(epoch({{ end }})) as bigint) - cast(floor(epoch({{ start }})) as bigint))
{%- endmacro %}
{% macro spark__seconds_between(start, end) -%}
    (unix_timestamp({{ end }}) - unix_timestamp({{ start }}))
{%- endmacro %}

{# The date so many days (an integer expression) later. #}
{% macro add_days(day, days) %}{{ return(adapter.dispatch('add_days')(day, days)) }}{% endmacro %}
{% macro duckdb__add_days(day, days) %}(cast({{ day }} as date) + ({{ days }})){% endmacro %}
{% macro spark__add_days(day, days) %}date_add(cast({{ day }} as date), {{ days }}){% endmacro %}

{# The date so many calendar months later; the last day of a shorter month where needed. #}
{% macro add_months(day, months) %}{{ return(adapter.dispatch('add_months')(day, months)) }}{% endmacro %}
{% macro duckdb__add_months(day, months) -%}
    cast(cast({{ day }} as date) + to_months(cast({{ months }} as integer)) as date)
{%- endmacro %}
{% macro spark__add_months(day, months) %}add_months(cast({{ day }} as date), {{ months }}){% endmacro %}

{# First day of the month a date or timestamp falls in. #}
{% macro month_start(day) %}cast(date_trunc('month', {{ day }}) as date){% endmacro %}

{# Calendar months from one date's month to another's: 2026-01-31 to 2026-02-01 is 1. #}
{% macro months_apart(start, end) -%}
    ((year({{ end }}) - year({{ start }})) * 12 + month({{ end }}) - month({{ start }}))
{%- endmacro %}

{# Full years of age on a day. #}
{% macro age_years(birth_date, day) -%}
    (
        year({{ day }}) - year({{ birth_date }})
        - case
            when
                month({{ day }}) * 100 + day({{ day }})
                < month({{ birth_date }}) * 100 + day({{ birth_date }})
                then 1
            else 0
        end
    )
{%- endmacro %}

{# Date or timestamp as YYYY-MM. #}
{% macro month_text(day) %}{{ return(adapter.dispatch('month_text')(day)) }}{% endmacro %}
{% macro duckdb__month_text(day) %}strftime({{ day }}, '%Y-%m'){% endmacro %}
{% macro spark__month_text(day) %}date_format({{ day }}, 'yyyy-MM'){% endmacro %}

{# Table expression, one row a month from first to last (both included): column `month_start`. #}
{% macro month_series(first, last) %}{{ return(adapter.dispatch('month_series')(first, last)) }}{% endmacro %}
{% macro duckdb__month_series(first, last) -%}
    (
        select cast(value as date) as month_start
        from (
            select unnest(generate_series(
                cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval 1 month
            )) as value
        )
    )
{%- endmacro %}
{% macro spark__month_series(first, last) -%}
    (
        select cast(value as date) as month_start
        from (
            select explode(sequence(
                cast({{ first }} as date), cast({{ last }} as date), interval 1 month
            )) as value
        )
    )
{%- endmacro %}
