{# Engine side of the incremental models. #}

{# Whether this run adds to a model that is already there. Spark rewrites plain Parquet in full. #}
{% macro adds_to_existing() %}{{ return(adapter.dispatch('adds_to_existing')()) }}{% endmacro %}
{% macro duckdb__adds_to_existing() %}{{ return(is_incremental()) }}{% endmacro %}
{% macro spark__adds_to_existing() %}{{ return(false) }}{% endmacro %}

{# dbt strategy of the incremental models on this engine. #}
{% macro increment_strategy() %}{{ return(adapter.dispatch('increment_strategy')()) }}{% endmacro %}
{% macro duckdb__increment_strategy() %}{{ return('delete+insert') }}{% endmacro %}
{% macro spark__increment_strategy() %}{{ return('insert_overwrite') }}{% endmacro %}
