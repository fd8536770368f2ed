{#
    The body of a staging model: typed rows of a dataset, of every key the latest version.

    Rows with one version (nearly all) stream through; only repeated keys are ranked. The latest
    version has the greatest known_at, then batch_id, then row_no.
#}
{% macro stage(dataset) %}
with versions as (
    {{ typed_rows(dataset) }}
),

{{ latest_versions('versions', dataset_specs()[dataset]['key']) }}

select * from final
{% endmacro %}


{#
    All delivered versions of a dataset, typed as its contract says.
    batches: only these batch ids (a list); null means all.
#}
{% macro typed_rows(dataset, batches=none) -%}
    select
        {%- for column in dataset_specs()[dataset]['columns'] %}
        {%- set value = column.name ~ " || '-01'" if column.month else column.name %}
        cast({{ value }} as {{ column.type }}) as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ source('lake', dataset) }}
    where
        {{ known_by_then('known_at') }}
        {%- if batches is not none %}
        and batch_id in ({% for id in batches %}'{{ id }}'{{ ', ' if not loop.last }}{% endfor %})
        {%- endif %}
{%- endmacro %}


{# CTEs from `repeated` to `final`: of `relation`, the latest version of every key. #}
{% macro latest_versions(relation, key, final='final') -%}
{%- set on = [] -%}
{%- for name in key %}{% do on.append('v.' ~ name ~ ' = r.' ~ name) %}{% endfor -%}
{{ final }}_repeated as (
    select {{ key | join(', ') }}
    from {{ relation }}
    group by {{ key | join(', ') }}
    having count(*) > 1
),

{{ final }}_latest as (
    select v.*
    from {{ relation }} as v
    semi join {{ final }}_repeated as r on {{ on | join(' and ') }}
    qualify
        row_number() over (
            partition by {{ key | join(', ') }}
            order by
                v.known_at desc nulls last, v.batch_id desc nulls last, v.row_no desc nulls last
        ) = 1
),

{{ final }} as (
    select v.*
    from {{ relation }} as v
    anti join {{ final }}_repeated as r on {{ on | join(' and ') }}
    union all
    select * from {{ final }}_latest
)
{%- endmacro %}


{# Condition: what was known at the end of the day (or at the instant) `known_as_of`. #}
{% macro known_by_then(column) -%}
    {%- set then = var('known_as_of') -%}
    {%- if not then -%}
    true
    {%- elif then | length == 10 -%}
    cast({{ column }} as date) <= cast('{{ then }}' as date)
    {%- else -%}
    {{ column }} <= cast('{{ then }}' as timestamp)
    {%- endif -%}
{%- endmacro %}
