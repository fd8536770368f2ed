{# Numbers: the engines divide and round differently, so division has one home. #}

{#
    Exact half-up ratio as decimal(18, scale); null when the denominator is null or 0.
    numerator, denominator: counts, or amounts with at most two decimals, not negative.
#}
{% macro ratio(numerator, denominator, scale=4) %}
    {{- return(adapter.dispatch('ratio')(numerator, denominator, scale)) -}}
{% endmacro %}
{% macro duckdb__ratio(numerator, denominator, scale) -%}
    {{- _scaled(
        '((cast(%s * 100 as hugeint) * %s + cast(%s * 100 as hugeint))'
        ' // nullif(2 * cast(%s * 100 as hugeint), 0))', numerator, denominator, scale
    ) -}}
{%- endmacro %}
{% macro spark__ratio(numerator, denominator, scale) -%}
    {{- _scaled(
        '((cast(%s * 100 as decimal(30, 0)) * %s + cast(%s * 100 as decimal(30, 0)))'
        ' div nullif(2 * cast(%s * 100 as decimal(30, 0)), 0))', numerator, denominator, scale
    ) -}}
{%- endmacro %}
{% macro _scaled(form, numerator, denominator, scale) -%}
    {%- set n = '(' ~ numerator ~ ')' -%}
    {%- set d = '(' ~ denominator ~ ')' -%}
    {%- set unit = '0.' ~ '0' * (scale - 1) ~ '1' if scale > 0 else '1' -%}
    cast(
        cast({{ form % (n, 2 * 10 ** scale, d, d) }} as decimal(18, 0))
        * cast({{ unit }} as decimal({{ scale + 1 }}, {{ scale }})) as decimal(18, {{ scale }})
    )
{%- endmacro %}

{# Median position and other fractions never use floats either: whole part of a number. #}
{% macro whole(number) %}cast(floor({{ number }}) as bigint){% endmacro %}
