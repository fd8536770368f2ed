-- depends_on: {{ ref('int_person_renumbered') }}
{{
    config(
        materialized='incremental',
        unique_key='person_key',
        incremental_strategy=increment_strategy(),
        pre_hook='{{ drop_renumbered() }}',
        post_hook="{{ mark_loaded(['household_person']) }}",
    )
}}

with {% if adds_to_existing() %}{{ person_news() }},

{% endif -%}
versions as (
    select
        p.person_key,
        p.valid_from,
        p.valid_to,
        p.hukou_region_code,
        p.residence_region_code,
        p.valid_from = p.birth_date and p.is_current as is_only_version,
        p.batch_id,
        p.row_no,
        p.known_at
    from {{ ref('dim_person') }} as p
    {% if adds_to_existing() -%}
        semi join news on p.person_key = news.person_key
    {%- endif %}
),

marked as (
    select
        *,
        lag({{ row_text(['hukou_region_code', 'residence_region_code']) }}) over (
            partition by person_key order by valid_from
        ) as place_before
    from versions
    where not is_only_version
),

-- A version that names the same two places as the one before belongs to the same spell.
moves as (
    select
        *,
        lead(valid_from) over (
            partition by person_key order by valid_from
        ) as moved_again_on
    from marked
    where
        place_before is null
        or place_before <> {{ row_text(['hukou_region_code', 'residence_region_code']) }}
),

final as (
    select
        person_key,
        valid_from,
        moved_again_on as valid_to,
        hukou_region_code,
        residence_region_code,
        'household_person' as dataset,
        batch_id,
        row_no,
        known_at
    from moves
    union all
    select
        person_key,
        valid_from,
        valid_to,
        hukou_region_code,
        residence_region_code,
        'household_person' as dataset,
        batch_id,
        row_no,
        known_at
    from versions
    where is_only_version
)

select * from final
