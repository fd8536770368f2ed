{#
    The body of a staging model: typed rows of a dataset, of every key the version that stands.
#}
{% macro stage(dataset) %}
{%- set spec = dataset_specs()[dataset] %}
with {{ latest_versions('(' ~ standing_rows(dataset) ~ ')', spec['key'], column_names(dataset)) }}

select * from final
{% endmacro %}


{# Names of a dataset's staging columns, in order. #}
{% macro column_names(dataset) -%}
    {{ return(dataset_specs()[dataset]['columns'] | map(attribute='name') | list) }}
{%- endmacro %}


{# The select list of a dataset's columns, typed as its contract says; `r` is the lake's row. #}
{% macro typed_columns(dataset) -%}
        {%- for column in dataset_specs()[dataset]['columns'] %}
        {%- set value = 'r.' ~ column.name ~ " || '-01'" if column.month else 'r.' ~ column.name %}
        cast({{ value }} as {{ column.type }}) as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
{%- endmacro %}


{# All versions of a dataset that were delivered, those included that no longer stand. #}
{% macro typed_rows(dataset) -%}
    select
        {{- typed_columns(dataset) }}
    from {{ source('lake', dataset) }} as r
    inner join {{ lake_batches() }} as b on {{ in_batch('r', 'b') }}
    where b.dataset = '{{ dataset }}'
{%- endmacro %}


{#
    The versions of a dataset that no full delivery has taken the place of, with `place`, the order
    in which their deliveries speak: the rows of live batches, and of the others those whose key
    lives on because the full delivery listed it in a row that was refused.
    relation: where to read them; null means the whole lake as this run sees it.
#}
{% macro standing_rows(dataset, relation=none) -%}
    select
        {{- typed_columns(dataset) }},
        b.place
    from {{ relation or source('lake', dataset) }} as r
    inner join {{ lake_batches() }} as b on {{ in_batch('r', 'b') }}
    where b.dataset = '{{ dataset }}' and b.is_live
    union all
    select
        {{- typed_columns(dataset) }},
        b.place
    from {{ relation or source('lake', dataset) }} as r
    inner join {{ lake_batches() }} as b on {{ in_batch('r', 'b') }}
    inner join {{ lake_kept_keys() }} as kept
        on
            b.dataset = kept.dataset
            and b.scope = kept.scope
            and b.place >= kept.from_place
            and {{ key_text(dataset) }} = kept.key
    where b.dataset = '{{ dataset }}' and not b.is_live
{%- endmacro %}


{# A row's key in one text, as landing writes it for refused rows. #}
{% macro key_text(dataset) -%}
    {%- for name in dataset_specs()[dataset]['key'] -%}
    cast(r.{{ name }} as {{ type_text() }}){{ " || '|' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{#
    CTEs up to one named `final`: of `relation` (a subquery with `place`), the version of every key
    that was delivered last: the one with the greatest place, then row_no.

    Rows with one version (nearly all) stream through; only repeated keys are ranked. Which those
    are is told by hashes: eight bytes a key to count, and two keys that share one are ranked apart.
    A relation of many rows is given as a subquery in brackets, not as the name of a CTE: an engine
    that keeps what a CTE yields would keep all those rows in memory for the three times they are
    read.
#}
{% macro latest_versions(relation, key, columns, final='final') -%}
{%- set hash = row_hash('v.' ~ key | join(', v.')) -%}
{{ final }}_repeated as (
    select {{ hash }} as key_hash
    from {{ relation }} as v
    group by {{ hash }}
    having count(*) > 1
),

{{ final }}_latest as (
    select v.*
    from {{ relation }} as v
    semi join {{ final }}_repeated as r on {{ hash }} = r.key_hash
    qualify
        row_number() over (
            partition by v.{{ key | join(', v.') }}
            order by v.place desc, v.row_no desc
        ) = 1
),

{{ final }} as (
    select v.{{ columns | join(', v.') }}
    from {{ relation }} as v
    anti join {{ final }}_repeated as r on {{ hash }} = r.key_hash
    union all
    select v.{{ columns | join(', v.') }}
    from {{ final }}_latest as v
)
{%- endmacro %}


{#
    CTEs up to `arrivals`: the dataset's rows that the model being built has to take in.

    In full: the staging model. Adding to an existing model: the rows of batches not yet loaded,
    of every key the latest, and only where delivered after the version the model already has.
    loaded_names: lake name → the model's own name, where a key column was renamed.
#}
{% macro arrivals(dataset, loaded_names={}) -%}
{%- if adds_to_existing() -%}
{%- set key = dataset_specs()[dataset]['key'] -%}
{%- set columns = column_names(dataset) -%}
arrived as (
    {{ standing_rows(dataset, unloaded_rows(dataset)) }}
),

{{ latest_versions('arrived', key, columns + ['place'], 'arrived_latest') }},

arrivals as (
    select a.{{ columns | join(', a.') }}
    from arrived_latest as a
    left join {{ this }} as loaded
        on {% for name in key -%}
            a.{{ name }} = loaded.{{ loaded_names.get(name, name) }}{{ ' and ' if not loop.last }}
        {%- endfor %}
    left join {{ lake_batches() }} as told on loaded.batch_id = told.batch_id
    where
        told.place is null
        or a.place > told.place
        or (a.place = told.place and a.row_no > loaded.row_no)
)
{%- else -%}
arrivals as (
    select * from {{ ref('stg_' ~ dataset) }}
)
{%- endif -%}
{%- endmacro %}


{#
    Condition: delivered by the end of the day (or by the instant) `known_as_of`. What a department
    itself knew by a day is another question: every row says it, in known_at.
#}
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
