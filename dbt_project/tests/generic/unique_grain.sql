{#
    The model's grain: no two rows with the same values in these columns, and none without a value.
    of_last_load: look only at keys that came with the model's latest load (a full one is all rows);
    what stood before was tested then. A column may be an expression, except with of_last_load.
#}
{% test unique_grain(model, columns, of_last_load=false) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }} as tested
{% if of_last_load -%}
semi join (
    select {{ columns | join(', ') }} from {{ model }} where {{ loaded_last(model) }}
) as loaded using ({{ columns | join(', ') }})
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1
union all
select
    {{ columns | join(', ') }},
    1 as row_count
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
