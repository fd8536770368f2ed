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


{# CTEs up to `versions`: every delivered version of the persons with news. #}
{% macro versions_with_news() -%}
{{ person_news() }},

versions as (
    select v.*
    from {{ ref('int_person_version') }} as v
    semi join news on v.person_key = news.person_key
)
{%- endmacro %}


{#
    CTEs up to `final`: of rows that carry a person_key, one row a key, that of the delivery which
    speaks last. Only persons with a replaced number can stand twice; all others stream through.
#}
{% macro merge_renumbered(relation, key, final='final') -%}
{{ final }}_merged as (
    select v.*
    from {{ relation }} as v
    semi join {{ ref('int_person_renumbered') }} as r on v.person_key = r.person_key
    left join {{ lake_batches() }} as told on v.batch_id = told.batch_id
    qualify
        row_number() over (
            partition by v.{{ key | join(', v.') }}
            order by
                told.place desc nulls last, v.known_at desc, v.batch_id desc, v.row_no desc
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
