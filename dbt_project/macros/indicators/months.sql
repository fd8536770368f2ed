{#- Months as integers: year * 12 + month. A figure is taken on the last day of a month, so an
    interval [valid_from, valid_to) is valid on exactly the months
    month_number(valid_from) <= m < month_number(valid_to); integers keep that the same on every
    engine, without date arithmetic. -#}

{% macro month_number(day) -%}
    (year({{ day }}) * 12 + month({{ day }}))
{%- endmacro %}


{#- The first month on whose last day somebody born on `birth_date` is `years` full years old.
    29 February: in a year without one, the birthday is 1 March, so not yet on 28 February. -#}
{% macro month_of_age(birth_date, years) -%}
    (
        (year({{ birth_date }}) + {{ years }}) * 12 + month({{ birth_date }})
        + case
            when month({{ birth_date }}) = 2 and day({{ birth_date }}) = 29
                and not (
                    (year({{ birth_date }}) + {{ years }}) % 4 = 0
                    and (
                        (year({{ birth_date }}) + {{ years }}) % 100 != 0
                        or (year({{ birth_date }}) + {{ years }}) % 400 = 0
                    )
                )
                then 1
            else 0
        end
    )
{%- endmacro %}
