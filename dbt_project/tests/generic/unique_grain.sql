{# The model's grain: no two rows with the same values in these columns, and none without a value. #}
{% test unique_grain(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 {% for name in columns %}or {{ name }} is null {% endfor %}
{% endtest %}
