{#- A CTE `name` [person_key, residence_region_code, valid_from, valid_to]: where the persons of
    `source` (a CTE with person_key) live, half-open. The first version known of somebody also stands
    for the time before it: valid_from is null. -#}
{% macro residences_of(name, source) -%}
{{ name }}__versions as (
    select
        person.person_key,
        person.residence_region_code,
        person.valid_from,
        person.valid_to,
        row_number() over (partition by person.person_key order by person.valid_from) as version_no
    from {{ ref('dim_person') }} as person
    semi join {{ source }} as source
        on source.person_key = person.person_key
),

{{ name }} as (
    select
        person_key,
        residence_region_code,
        case when version_no > 1 then valid_from end as valid_from,
        valid_to
    from {{ name }}__versions
)
{%- endmacro %}
