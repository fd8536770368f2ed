{#
    The body of a staging model: typed rows of a dataset, of every key the latest version.
#}
{% macro stage(dataset) %}
with {{ latest_versions('(' ~ typed_rows(dataset) ~ ')', dataset_specs()[dataset]['key']) }}

select * from final
{% endmacro %}


{#
    All delivered versions of a dataset, typed as its contract says.
    relation: where to read them; null means the whole lake as this run sees it.
#}
{% macro typed_rows(dataset, relation=none) -%}
    select
        {%- for column in dataset_specs()[dataset]['columns'] %}
        {%- set value = column.name ~ " || '-01'" if column.month else column.name %}
        cast({{ value }} as {{ column.type }}) as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation or source('lake', dataset) }}
    where
        {{ 'true' if relation else in_this_run(dataset) }}
        and {{ known_by_then('known_at') }}
{%- endmacro %}


{#
    CTEs up to one named `final`: of `relation`, the latest version of every key: the one with the
    greatest known_at, then batch_id, then row_no.

    Rows with one version (nearly all) stream through; only repeated keys are ranked. A relation
    of many rows is given as a subquery in brackets, not as the name of a CTE: an engine that
    keeps what a CTE yields would keep all those rows in memory for the three times they are read.
#}
{% macro latest_versions(relation, key, final='final') -%}
{%- set on = [] -%}
{%- for name in key %}{% do on.append('v.' ~ name ~ ' = r.' ~ name) %}{% endfor -%}
{{ final }}_repeated as (
    select v.{{ key | join(', v.') }}
    from {{ relation }} as v
    group by v.{{ key | join(', v.') }}
    having count(*) > 1
),

{{ final }}_latest as (
    select v.*
    from {{ relation }} as v
    semi join {{ final }}_repeated as r on {{ on | join(' and ') }}
    qualify
        row_number() over (
            partition by v.{{ key | join(', v.') }}
            order by v.known_at desc, v.batch_id desc, v.row_no desc
        ) = 1
),

{{ final }} as (
    select v.*
    from {{ relation }} as v
    anti join {{ final }}_repeated as r on {{ on | join(' and ') }}
    union all
    select latest.* from {{ final }}_latest as latest
)
{%- endmacro %}


{#
    CTEs up to `arrivals`: the dataset's rows that the model being built has to take in.

    In full: the staging model. Adding to an existing model: the rows of batches not yet loaded,
    of every key the latest, and only where newer than the version the model already has.
    loaded_names: lake name → the model's own name, where a key column was renamed.
#}
{% macro arrivals(dataset, loaded_names={}) -%}
{%- if adds_to_existing() -%}
{%- set key = dataset_specs()[dataset]['key'] -%}
arrived as (
    {{ typed_rows(dataset, unloaded_rows(dataset)) }}
),

{{ latest_versions('arrived', key, 'arrived_latest') }},

arrivals as (
    select a.*
    from arrived_latest as a
    left join {{ this }} as loaded
        on {% for name in key -%}
            a.{{ name }} = loaded.{{ loaded_names.get(name, name) }}{{ ' and ' if not loop.last }}
        {%- endfor %}
    where
        loaded.known_at is null
        or a.known_at > loaded.known_at
        or (a.known_at = loaded.known_at and a.batch_id > loaded.batch_id)
        or (
            a.known_at = loaded.known_at
            and a.batch_id = loaded.batch_id
            and a.row_no > loaded.row_no
        )
)
{%- else -%}
arrivals as (
    select * from {{ ref('stg_' ~ dataset) }}
)
{%- endif -%}
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


{# One text of several columns, to see whether a row differs from another; null is not blank. #}
{% macro row_text(columns) -%}
    {%- for column in columns -%}
    coalesce(cast({{ column }} as {{ type_text() }}), '~'){{ " || '|' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
