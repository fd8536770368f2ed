{# The release this build is for; the release step names it. #}
{% macro release_id() -%}
    cast({{ literal(var('release_id', none)) }} as varchar)
{%- endmacro %}
