{#- DuckDB makes and drops tables inside a transaction, so a table is replaced in one: what others
    read is the old one or the new one, and what a killed build leaves is the old one. The
    adapter's own way, a second table, two renames and a drop, costs each model twice as many
    statements. -#}
{% materialization table, adapter = 'duckdb' %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target = this.incorporate(type = 'table') -%}
  {{ run_hooks(pre_hooks) }}
  {% call statement('main') -%}
    {%- if existing is not none %}
    drop {{ existing.type }} {{ existing }};
    {%- endif %}
    {{ create_table_as(False, target, compiled_code) }}
  {%- endcall %}
  {{ run_hooks(post_hooks) }}
  {% do adapter.commit() %}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}
