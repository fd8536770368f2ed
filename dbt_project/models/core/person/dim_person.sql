-- depends_on: {{ ref('int_person_renumbered') }}
{{ config(
    materialized='incremental',
    unique_key='person_key',
    incremental_strategy=increment_strategy(),
    pre_hook='{{ drop_renumbered() }}',
    post_hook="{{ mark_loaded(['household_person']) }}",
) }}
{%- set told = [
    'id_no_token', 'id_no_mask', 'id_no_form', 'name_token', 'name_mask', 'sex', 'birth_date',
    'household_no_token', 'relation_to_head', 'hukou_region_code', 'hukou_kind',
    'residence_region_code',
] -%}
{%- set carried = (told + ['batch_id', 'row_no', 'known_at']) | join(', ') -%}
{%- set in_order = 'partition by person_key order by known_at, batch_id, row_no' %}

{% set versions = 'versions' if adds_to_existing() else ref('int_person_version') -%}

with {% if adds_to_existing() %}{{ versions_with_news() }},{% endif %}
repeated as (
    select person_key from {{ versions }} group by person_key having count(*) > 1
),

others as (
    select
        v.*,
        {{ row_text(told + ['status', 'status_date']) }} as content,
        min(case when v.id_no_token = v.person_key then v.known_at end)
            over (partition by v.person_key) as own_number_since
    from {{ versions }} as v
    left join repeated on v.person_key = repeated.person_key
    where repeated.person_key is not null or (v.status <> 'normal' and v.status_date is not null)
),

-- A replaced number says nothing more once the new one is known.
ranked as (
    select
        *,
        row_number() over ({{ in_order }}) as version_no,
        lag(content) over ({{ in_order }}) as content_before
    from others
    where id_no_token = person_key or own_number_since is null or known_at < own_number_since
),

-- The first version holds from birth, as registered; an end (death, move) from its own day; any
-- other change from the day the police knew it. A row that repeats the one before is no change.
steps as (
    select
        person_key,
        0 as step_no,
        birth_date as valid_from,
        case when status_date is null then status else 'normal' end as status,
        case when status = 'normal' then status_date end as status_date,
        {{ carried }}
    from ranked
    where version_no = 1
    union all
    select
        person_key,
        version_no as step_no,
        case when status <> 'normal' and status_date <= cast(known_at as date) then status_date
            else cast(known_at as date)
        end as valid_from,
        status,
        status_date,
        {{ carried }}
    from ranked
    where (version_no = 1 and status <> 'normal' and status_date is not null)
        or content <> content_before
),

-- Later knowledge prevails: a version ends where any later one begins. Nearly everybody has one
-- version and is still registered: those need no ranking.
spans as (
    select
        person_key, valid_from, status, status_date, {{ carried }},
        min(valid_from) over (
            partition by person_key order by step_no
            rows between 1 following and unbounded following
        ) as valid_to
    from steps
    union all
    select
        v.person_key, birth_date as valid_from, status, status_date, {{ carried }},
        cast(null as date) as valid_to
    from {{ versions }} as v
    anti join repeated on v.person_key = repeated.person_key
    where status = 'normal' or status_date is null
),

final as (
    select
        person_key,
        valid_from,
        valid_to,
        valid_to is null as is_current,
        id_no_token as id_token,
        id_no_mask as person_mask,
        id_no_form as id_form,
        name_token,
        name_mask,
        sex,
        birth_date,
        household_no_token as household_key,
        relation_to_head,
        hukou_region_code,
        hukou_kind,
        residence_region_code,
        status,
        status_date,
        'household_person' as dataset,
        batch_id,
        row_no,
        known_at
    from spans
    where valid_to is null or valid_from < valid_to
)

select * from final
