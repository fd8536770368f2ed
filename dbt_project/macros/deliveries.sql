{#
    Deliveries in time: which batch speaks after which, and which no longer speaks at all.
    What late, early, repeated, corrected and full deliveries mean stands in
    docs/decisions/0010-deliveries-in-time.md.
#}

{# Last day of a period: a day, a month or a year as text. #}
{% macro period_end(period) -%}
    case
        when {{ period }} like '____-__' then last_day(cast({{ period }} || '-01' as date))
        when {{ period }} like '____' then cast({{ period }} || '-12-31' as date)
        when {{ period }} like '____-__-__' then cast({{ period }} as date)
    end
{%- endmacro %}


{# One row a delivery; what replays took out of its quarantine counts as loaded. #}
{% macro batch_manifests() -%}
    (
        with told as (select * from {{ manifest_rows() }} as m),

        replayed as (
            select replay_of, sum(rows_loaded) as rows_loaded
            from told
            where replay_of is not null and {{ known_by_then('delivered_at') }}
            group by replay_of
        )

        select
            {%- for name in manifest_columns() if name not in
                ('rows_loaded', 'rows_quarantined', 'replay_of') %}
            told.{{ name }},
            {%- endfor %}
            cast(told.rows_loaded + coalesce(replayed.rows_loaded, 0) as bigint) as rows_loaded,
            cast(told.rows_quarantined - coalesce(replayed.rows_loaded, 0) as bigint)
                as rows_quarantined
        from told
        left join replayed on told.batch_id = replayed.replay_of
        where told.replay_of is null and {{ known_by_then('told.delivered_at') }}
    )
{%- endmacro %}


{#
    One row a committed batch that had been delivered by `known_as_of`:
    batch_id (its folder), delivery_id (the batch that its rows name: of a replay, the original),
    scope (what a full delivery like it takes the place of), place (order in which the dataset's
    deliveries speak), replaces (it is a full delivery to go by), is_live (no later full delivery
    of its scope has taken its place).

    A delivery speaks about the state on the last day of its period, or on the day of delivery when
    that came first; among those of one day the later delivered, then the higher sequence counts.
    A full delivery of which nothing, or less than half, could be taken takes no other's place.
#}
{% macro placed_batches() -%}
{%- set by_provider = [] -%}
{%- for name, facts in dataset_facts().items() if facts['full_replaces'] == 'provider' -%}
    {%- do by_provider.append(name) -%}
{%- endfor -%}
with told as (select * from {{ manifest_rows() }} as m where {{ known_by_then('delivered_at') }}),

placed as (
    select
        dataset,
        batch_id,
        provider,
        period,
        mode,
        provider
        || case when dataset in ('{{ by_provider | join("', '") }}') then '' else '/' || period end
            as scope,
        mode = 'full' and rows_loaded > 0 and 2 * rows_quarantined <= rows_read as replaces,
        row_number() over (
            partition by dataset
            order by
                least({{ period_end('period') }}, cast(delivered_at as date)) asc nulls first,
                delivered_at asc nulls first, sequence asc nulls first, batch_id asc nulls first
        ) as place
    from told
    where replay_of is null
),

compared as (
    select
        placed.*,
        max(case when replaces then place end) over (partition by dataset, scope) as newest_full
    from placed
)

select
    told.dataset,
    told.batch_id,
    compared.batch_id as delivery_id,
    compared.provider,
    compared.period,
    compared.mode,
    compared.scope,
    cast(compared.place as bigint) as place,
    compared.replaces and told.replay_of is null as replaces,
    coalesce(compared.place >= compared.newest_full, true) as is_live
from told
inner join compared
    on
        told.dataset = compared.dataset
        and coalesce(told.replay_of, told.batch_id) = compared.batch_id
{%- endmacro %}


{#
    One row a scope and key of a row that the scope's newest full delivery lists but that was
    refused: its last sound version stands, if it is from a batch at or after `from_place`, the
    last full delivery that did not list it that way.
#}
{% macro kept_keys() -%}
with fulls as (
    select
        dataset,
        scope,
        delivery_id,
        place,
        row_number() over (partition by dataset, scope order by place asc nulls first) as nth,
        count(*) over (partition by dataset, scope) as fulls
    from {{ lake_batches() }} as b
    where replaces
),

listed as (
    select
        fulls.dataset,
        fulls.scope,
        fulls.nth,
        fulls.fulls,
        refused.key,
        row_number() over (
            partition by fulls.dataset, fulls.scope, refused.key order by fulls.nth desc nulls last
        ) as nth_from_last
    from fulls
    inner join {{ refused_keys() }} as refused on fulls.delivery_id = refused.batch_id
),

unbroken as (
    select dataset, scope, key, min(nth) - 1 as nth_before
    from listed
    where nth = fulls - nth_from_last + 1
    group by dataset, scope, key
)

select unbroken.dataset, unbroken.scope, unbroken.key, coalesce(fulls.place, 0) as from_place
from unbroken
left join fulls
    on
        unbroken.dataset = fulls.dataset
        and unbroken.scope = fulls.scope
        and unbroken.nth_before = fulls.nth
{%- endmacro %}


{#
    Condition: the provider delivers for the county, as that county itself, as its prefecture or
    province, or as a department without a division code, which delivers for all.
#}
{% macro delivers_for(provider, county) -%}
    (
        not {{ matches(provider, '^[0-9]{6}$') }}
        or {{ county }} = {{ provider }} || '000000'
        or (
            {{ provider }} like '____00'
            and substring({{ county }}, 1, 4) = substring({{ provider }}, 1, 4)
        )
        or (
            {{ provider }} like '__0000'
            and substring({{ county }}, 1, 2) = substring({{ provider }}, 1, 2)
        )
    )
{%- endmacro %}
