{#
    Policy parameters of a rule, one row a (county_code, month) of `relation`. The rule's YAML has
    the defaults (meta.parameters: {name: {type, value}}); the seed policy_parameter has the dated
    local values that replace them: a county's before its prefecture's, its province's, and one
    without a region.
#}
{% macro policy_on(relation, rule) -%}
    select
        k.county_code,
        k.month
        {%- for name, spec in rule_defaults()[rule | lower].items() %},
        cast(
            coalesce(
                max_by(p.value, length(replace(coalesce(p.region_code, ''), '0', '')))
                    filter (where p.parameter = '{{ name }}'),
                '{{ spec.value }}'
            ) as {{ spec.type }}
        ) as {{ name }}
        {%- endfor %}
    from (select distinct county_code, month from {{ relation }}) as k
    left join {{ ref('policy_parameter') }} as p
        on
            p.rule = '{{ rule }}'
            and p.valid_from <= k.month
            and (p.valid_to is null or p.valid_to > k.month)
            and (
                p.region_code is null
                or p.region_code = k.county_code
                or p.region_code = substr(k.county_code, 1, 4) || '00000000'
                or p.region_code = substr(k.county_code, 1, 2) || '0000000000'
            )
    group by k.county_code, k.month
{%- endmacro %}


{# Join condition of a relation with its `policy_on` rows. #}
{% macro same_policy(relation, policy='policy') -%}
    {{ policy }}.county_code is not distinct from {{ relation }}.county_code
    and {{ policy }}.month = {{ relation }}.month
{%- endmacro %}


{# All values a parameter has anywhere: the default and the local ones. Column `value`. #}
{% macro parameter_values(rule, name) -%}
    select '{{ rule_defaults()[rule | lower][name].value }}' as value
    union
    select value
    from {{ ref('policy_parameter') }}
    where rule = '{{ rule }}' and parameter = '{{ name }}'
{%- endmacro %}


{# Whether a value, itself an expression, stands in a `;` list. #}
{% macro in_list(value, list_text) -%}
    (';' || {{ list_text }} || ';') like ('%;' || {{ value }} || ';%')
{%- endmacro %}
