{#
    The model's grain: no two rows with the same values in these columns, and none without a value.
    of_this_run: look only at keys that came with this run; what stood before was tested then.
#}
{% test unique_grain(model, columns, of_this_run=false) %}
{%- set on = [] -%}
{%- for name in columns %}{% do on.append('v.' ~ name ~ ' = loaded.' ~ name) %}{% endfor -%}
select
    v.{{ columns | join(', v.') }},
    count(*) as row_count
from {{ model }} as v
{% if of_this_run -%}
semi join (select * from {{ model }} where {{ loaded_now(model) }}) as loaded
    on {{ on | join(' and ') }}
{%- endif %}
group by v.{{ columns | join(', v.') }}
having count(*) > 1 {% for name in columns %}or v.{{ name }} is null {% endfor %}
{% endtest %}
