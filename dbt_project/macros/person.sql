{#
    CTE `news`: persons about whom the model being built has yet to hear. Adding to an existing
    model only: those in batches not yet loaded, and everybody with a replaced number.
#}
{% macro person_news() -%}
news as (
    select coalesce(renumbered.person_key, arrived.id_no_token) as person_key
    from {{ unloaded_rows('household_person') }} as arrived
    left join {{ ref('int_person_renumbered') }} as renumbered
        on arrived.id_no_token = renumbered.id_token
    union
    select renumbered.person_key from {{ ref('int_person_renumbered') }} as renumbered
)
{%- endmacro %}


{# CTEs up to `versions`: every delivered version of the persons to build, with their key. #}
{% macro person_versions() -%}
{%- if adds_to_existing() -%}
{{ person_news() }},

tokens as (
    select person_key as id_token, person_key from news
    union all
    select renumbered.id_token, renumbered.person_key
    from {{ ref('int_person_renumbered') }} as renumbered
),

versions as (
    select tokens.person_key, delivered.*
    from {{ ref('stg_household_person_version') }} as delivered
    inner join tokens on delivered.id_no_token = tokens.id_token
)
{%- else -%}
versions as (
    select
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.*
    from {{ ref('stg_household_person_version') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
)
{%- endif -%}
{%- endmacro %}


{#
    CTEs up to `final`: of rows that carry a person_key, one row a key, the latest version. Only
    persons with a replaced number can stand twice; all others stream through.
#}
{% macro merge_renumbered(relation, key, final='final') -%}
{{ final }}_merged as (
    select v.*
    from {{ relation }} as v
    semi join {{ ref('int_person_renumbered') }} as r on v.person_key = r.person_key
    qualify
        row_number() over (
            partition by v.{{ key | join(', v.') }}
            order by
                v.known_at desc, v.batch_id desc, v.row_no desc
        ) = 1
),

{{ final }} as (
    select v.*
    from {{ relation }} as v
    anti join {{ ref('int_person_renumbered') }} as r on v.person_key = r.person_key
    union all
    select merged.* from {{ final }}_merged as merged
)
{%- endmacro %}
