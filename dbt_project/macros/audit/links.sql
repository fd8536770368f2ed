{# Words that several rules share: places, open ends, match tiers, who knew when. #}

{# Left join that gives a row's county of today: use `county(place, code)` for the code. #}
{% macro join_county(code, place='place') -%}
    left join {{ ref('bridge_region_ancestor') }} as {{ place }}
        on {{ place }}.region_code = {{ code }} and {{ place }}.ancestor_level = 'county'
{%- endmacro %}

{# Today's county of a code; a code above the county, or split, stays as it was delivered. #}
{% macro county(code, place='place') %}coalesce({{ place }}.ancestor_code, {{ code }}){% endmacro %}

{# First day that an interval no longer holds, far away when it is still open. #}
{% macro open_end(day) %}coalesce({{ day }}, cast('9999-12-31' as date)){% endmacro %}

{#
    A relation with `link_tier`, the match tier of its link to the person. It has id_form, id_token
    and person_key; name: its column with the token of the name that stood beside the
    number. A name counts as equal if the register ever had it.
    M1 number and name equal, M2 number converted or replaced, or no name delivered, M3 another
    name: an identity question, never a lead about money.
#}
{% macro with_link_tier(relation, name) -%}
    select
        r.*,
        case
            when r.{{ name }} is not null and n.name_token is null then 'M3'
            when
                r.{{ name }} is null or r.id_form = 'converted_15' or r.id_token <> r.person_key
                then 'M2'
            else 'M1'
        end as link_tier
    from {{ relation }} as r
    left join (
        select distinct d.person_key, d.name_token
        from {{ ref('dim_person') }} as d
        semi join {{ relation }} as x on x.person_key = d.person_key
    ) as n on n.person_key = r.person_key and n.name_token = r.{{ name }}
{%- endmacro %}

{#
    Who knew of the death when the money went: K3 the payer's own record has the later date of
    death and covers the month, K2 the payer knew, K1 another department knew, K0 nobody.
    day: when it was paid; month: for which; death: alias of fct_death. The payer is civil
    affairs, which runs the funeral homes: its own record is the cremation's.
#}
{% macro known_class(day, month, death) -%}
    case
        when
            {{ death }}.payer_death_date > {{ death }}.certificate_date
            and {{ month }} <= {{ death }}.payer_death_date
            then 'K3'
        when {{ day }} > {{ death }}.payer_known_at then 'K2'
        when {{ day }} > {{ death }}.first_known_at then 'K1'
        else 'K0'
    end
{%- endmacro %}

{# The register's rows of today for the persons of a relation, found without joining everybody. #}
{% macro register_of(relation, key='person_key') -%}
    select d.person_key, d.household_key, d.residence_region_code, d.birth_date
    from {{ ref('dim_person') }} as d
    semi join {{ relation }} as r on r.{{ key }} = d.person_key
    where d.is_current
{%- endmacro %}
