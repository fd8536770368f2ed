{#- CTEs that count living persons, once a region, on every month's last day.

    `source`: a CTE [person_key, region_code, valid_from, valid_to], half-open, any number of rows a
    person. Result: a CTE `name` [region_code, month_no] with `persons`, for every county, prefecture
    and province of today. `part`: a boolean column of the source; persons of whom it holds
    are counted beside, in the same pass, under its name. Nobody is multiplied by months: each interval becomes one +1 and one -1,
    and a running sum gives the stock. Only persons with several intervals pay for merging them; they
    are told by hashes, and whoever shares one without need is merged alone. -#}

{% macro count_persons(name, source, part=none) -%}
{%- set measures = ['persons', part] if part else ['persons'] %}
{{ name }}__clipped as (
    select
        source.person_key,
        source.region_code,
        {%- if part %}
        source.{{ part }},
        {%- endif %}
        greatest(
            coalesce({{ month_number('source.valid_from') }}, bounds.first_month),
            bounds.first_month
        ) as month_in,
        least(
            coalesce({{ month_number('source.valid_to') }}, bounds.last_month + 1),
            coalesce({{ month_number('dead.death_date') }}, bounds.last_month + 1),
            bounds.last_month + 1
        ) as month_out
    from {{ source }} as source
    cross join (
        select min(month_no) as first_month, max(month_no) as last_month
        from {{ ref('int_region_month') }}
    ) as bounds
    left join {{ ref('fct_death') }} as dead
        on dead.person_key = source.person_key
        and dead.is_confirmed
        and not dead.is_contested
),

{{ name }}__valid as (
    select *
    from {{ name }}__clipped
    where month_in < month_out and region_code is not null
),

{{ name }}__repeated as (
    select {{ row_hash('person_key') }} as person_hash
    from {{ name }}__valid
    group by {{ row_hash('person_key') }}
    having count(*) > 1
),

{{ name }}__climbed as (
    select distinct
        kinds.measure, valid.person_key, above.ancestor_code, valid.month_in, valid.month_out
    from {{ name }}__valid as valid
    semi join {{ name }}__repeated as repeated
        on repeated.person_hash = {{ row_hash('valid.person_key') }}
    inner join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = valid.region_code
        and above.ancestor_level in ('county', 'prefecture', 'province')
    inner join (
        {%- for measure in measures %}
        {{ 'union all ' if not loop.first }}select '{{ measure }}' as measure
        {%- endfor %}
    ) as kinds
        on kinds.measure = 'persons'{{ ' or valid.' ~ part if part }}
),

{{ name }}__reached as (
    select
        *,
        max(month_out) over (
            partition by measure, person_key, ancestor_code order by month_in, month_out
            rows between unbounded preceding and 1 preceding
        ) as reached
    from {{ name }}__climbed
),

{{ name }}__islands as (
    select
        *,
        sum(case when reached is null or month_in > reached then 1 else 0 end) over (
            partition by measure, person_key, ancestor_code order by month_in, month_out
            rows between unbounded preceding and current row
        ) as island
    from {{ name }}__reached
),

{{ name }}__merged as (
    select measure, ancestor_code, min(month_in) as month_in, max(month_out) as month_out
    from {{ name }}__islands
    group by measure, person_key, ancestor_code, island
),

{{ name }}__single as (
    select
        valid.region_code,
        valid.month_in,
        valid.month_out,
        {%- if part %}
        count(case when valid.{{ part }} then 1 end) as {{ part }},
        {%- endif %}
        count(*) as persons
    from {{ name }}__valid as valid
    anti join {{ name }}__repeated as repeated
        on repeated.person_hash = {{ row_hash('valid.person_key') }}
    group by valid.region_code, valid.month_in, valid.month_out
),

{{ name }}__counted as (
    select
        above.ancestor_code as region_code,
        single.month_in,
        single.month_out,
        single.{{ measures | join(', single.') }}
    from {{ name }}__single as single
    inner join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = single.region_code
        and above.ancestor_level in ('county', 'prefecture', 'province')
    union all
    select
        ancestor_code as region_code,
        month_in,
        month_out
        {%- for measure in measures %},
        count(case when measure = '{{ measure }}' then 1 end) as {{ measure }}
        {%- endfor %}
    from {{ name }}__merged
    group by ancestor_code, month_in, month_out
),

{{ running_stock(name, name ~ '__counted', measures) }}
{%- endmacro %}


{#- A CTE `name` [region_code, month_no] with the stock of each of `measures` on the last day of each
    month, from `source` [region_code, month_in, month_out, measures…] (any number of rows). -#}
{% macro running_stock(name, source, measures) -%}
{{ name }}__moves as (
    select region_code, month_no
        {%- for measure in measures %}, sum({{ measure }}) as {{ measure }}{% endfor %}
    from (
        select region_code, month_in as month_no
            {%- for measure in measures %}, {{ measure }}{% endfor %}
        from {{ source }}
        union all
        select region_code, month_out as month_no
            {%- for measure in measures %}, -{{ measure }} as {{ measure }}{% endfor %}
        from {{ source }}
    ) as moves
    group by region_code, month_no
),

{{ name }} as (
    select
        spine.region_code,
        spine.month_no
        {%- for measure in measures %},
        cast(sum(coalesce(moves.{{ measure }}, 0)) over (
            partition by spine.region_code order by spine.month_no
            rows between unbounded preceding and current row
        ) as bigint) as {{ measure }}
        {%- endfor %}
    from {{ ref('int_region_month') }} as spine
    left join {{ name }}__moves as moves
        on moves.region_code = spine.region_code
        and moves.month_no = spine.month_no
)
{%- endmacro %}


{#- A CTE `name` [region_code, month_no, keys…] with `persons`: persons seen in a month, once a region.
    `source`: a CTE [person_key, region_code, month_no, keys…], any number of rows.
    only_living: leave out whom death had already taken by the month's last day. Who was seen more
    than once is told by hashes, as in `count_persons`. -#}
{% macro count_persons_seen(name, source, keys=[], only_living=true) -%}
{%- set by = ['month_no'] + keys -%}
{%- set hash = row_hash('seen.person_key, seen.' ~ by | join(', seen.')) %}
{{ name }}__seen as (
    select source.person_key, source.{{ by | join(', source.') }}, source.region_code
    from {{ source }} as source
    {%- if only_living %}
    left join {{ ref('fct_death') }} as dead
        on dead.person_key = source.person_key
        and dead.is_confirmed
        and not dead.is_contested
    {%- endif %}
    where source.person_key is not null
    {%- if only_living %}
        and (
            dead.death_date is null
            or {{ month_number('dead.death_date') }} > source.month_no
        )
    {%- endif %}
),

{{ name }}__repeated as (
    select {{ hash }} as person_hash
    from {{ name }}__seen as seen
    group by {{ hash }}
    having count(*) > 1
),

{{ name }}__once as (
    select seen.region_code, seen.{{ by | join(', seen.') }}, count(*) as persons
    from {{ name }}__seen as seen
    anti join {{ name }}__repeated as repeated on repeated.person_hash = {{ hash }}
    group by seen.region_code, seen.{{ by | join(', seen.') }}
),

{{ name }}__several as (
    select distinct
        seen.person_key, seen.{{ by | join(', seen.') }}, above.ancestor_code as region_code
    from {{ name }}__seen as seen
    semi join {{ name }}__repeated as repeated on repeated.person_hash = {{ hash }}
    inner join {{ ref('bridge_region_ancestor') }} as above
        on above.region_code = seen.region_code
        and above.ancestor_level in ('county', 'prefecture', 'province')
),

{{ name }} as (
    select region_code, {{ by | join(', ') }}, cast(sum(persons) as bigint) as persons
    from (
        select
            above.ancestor_code as region_code, once.{{ by | join(', once.') }}, once.persons
        from {{ name }}__once as once
        inner join {{ ref('bridge_region_ancestor') }} as above
            on above.region_code = once.region_code
            and above.ancestor_level in ('county', 'prefecture', 'province')
        union all
        select region_code, {{ by | join(', ') }}, count(*) as persons
        from {{ name }}__several
        group by region_code, {{ by | join(', ') }}
    ) as parts
    group by region_code, {{ by | join(', ') }}
)
{%- endmacro %}
