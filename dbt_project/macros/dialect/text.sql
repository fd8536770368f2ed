{# Text: hashing, patterns, lists in one column. #}

{# Lower-case hex SHA-256 of a text expression. #}
{% macro sha256_hex(text) %}{{ return(adapter.dispatch('sha256_hex')(text)) }}{% endmacro %}
{% macro duckdb__sha256_hex(text) %}sha256({{ text }}){% endmacro %}
{% macro spark__sha256_hex(text) %}sha2({{ text }}, 256){% endmacro %}

{# 64-bit hash of columns (a list in one text); equal values have equal hashes, not the reverse. #}
{% macro row_hash(columns) %}{{ return(adapter.dispatch('row_hash')(columns)) }}{% endmacro %}
{% macro duckdb__row_hash(columns) %}hash({{ columns }}){% endmacro %}
{% macro spark__row_hash(columns) %}xxhash64({{ columns }}){% endmacro %}

{# Whether the pattern is found anywhere in the text. Write [0-9], never a backslash class. #}
{% macro matches(text, pattern) %}{{ return(adapter.dispatch('matches')(text, pattern)) }}{% endmacro %}
{% macro duckdb__matches(text, pattern) %}regexp_matches({{ text }}, '{{ pattern }}'){% endmacro %}
{% macro spark__matches(text, pattern) %}({{ text }} rlike '{{ pattern }}'){% endmacro %}

{# Aggregate: the distinct values of a text column, ordered, in one text. #}
{% macro joined_list(text, separator=';') %}
    {{- return(adapter.dispatch('joined_list')(text, separator)) -}}
{% endmacro %}
{% macro duckdb__joined_list(text, separator) -%}
    array_to_string(list_sort(list(distinct {{ text }})), '{{ separator }}')
{%- endmacro %}
{% macro spark__joined_list(text, separator) -%}
    array_join(sort_array(collect_set({{ text }})), '{{ separator }}')
{%- endmacro %}

{# Whether a `;` list (such as facility.functions) has the item. Null stays null. #}
{% macro list_has(list_text, item) -%}
    (';' || {{ list_text }} || ';' like '%;{{ item }};%')
{%- endmacro %}

{# One row an item of a `;` list: use as `from t cross join lateral` (see each dialect). #}
{% macro list_items(relation, list_text, item_name) %}
    {{- return(adapter.dispatch('list_items')(relation, list_text, item_name)) -}}
{% endmacro %}
{% macro duckdb__list_items(relation, list_text, item_name) -%}
    (select *, unnest(string_split({{ list_text }}, ';')) as {{ item_name }} from {{ relation }})
{%- endmacro %}
{% macro spark__list_items(relation, list_text, item_name) -%}
    (select *, explode(split({{ list_text }}, ';')) as {{ item_name }} from {{ relation }})
{%- endmacro %}

{# JSON text of named expressions; every value becomes text, null stays null. pairs: {name: sql}. #}
{% macro json_text(pairs) %}{{ return(adapter.dispatch('json_text')(pairs)) }}{% endmacro %}
{% macro duckdb__json_text(pairs) -%}
    cast(json_object(
        {%- for name, value in pairs.items() %}
        '{{ name }}', cast({{ value }} as varchar){{ ',' if not loop.last }}
        {%- endfor %}
    ) as varchar)
{%- endmacro %}
{% macro spark__json_text(pairs) -%}
    to_json(named_struct(
        {%- for name, value in pairs.items() %}
        '{{ name }}', cast({{ value }} as string){{ ',' if not loop.last }}
        {%- endfor %}
    ), map('ignoreNullFields', 'false'))
{%- endmacro %}

{# The engine's name for unbounded text. #}
{% macro type_text() %}{{ return(adapter.dispatch('type_text')()) }}{% endmacro %}
{% macro duckdb__type_text() %}varchar{% endmacro %}
{% macro spark__type_text() %}string{% endmacro %}
