{#
    The model's grain: no two rows with the same values in these columns, and none without a value.
    of_last_load: look only at keys that came with the model's latest load (a full one is all rows);
    what stood before was tested then.
#}
{% test unique_grain(model, columns, of_last_load=false) %}
{%- set on = [] -%}
{%- for name in columns %}{% do on.append('v.' ~ name ~ ' = loaded.' ~ name) %}{% endfor -%}
select
    v.{{ columns | join(', v.') }},
    count(*) as row_count
from {{ model }} as v
{% if of_last_load -%}
semi join (select * from {{ model }} where {{ loaded_last(model) }}) as loaded
    on {{ on | join(' and ') }}
{%- endif %}
group by v.{{ columns | join(', v.') }}
having count(*) > 1
union all
select
    {{ columns | join(', ') }},
    1 as row_count
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
