{#
    The configuration of a model that grows by batch and has one row a key: each run adds the
    dataset's batches that it has not loaded, and gives loaded rows the person keys of today.
    The model reads its rows from `arrivals(dataset)`.
    key: column or columns of the grain; persons: {person key column: token column}.
#}
{% macro grows_by_batch(dataset, key, persons={}) -%}
{%- set hook = '{' ~ '{ %s }' ~ '}' -%}
{%- do config(
    materialized='incremental',
    unique_key=key,
    incremental_strategy=increment_strategy(),
    pre_hook=hook % ('renumber(' ~ tojson(persons) ~ ')'),
    post_hook=hook % ('mark_loaded(' ~ tojson([dataset]) ~ ')'),
) -%}
{%- endmacro %}
