-- depends_on: {{ ref('int_person_renumbered') }}
{{
    config(
        materialized='incremental',
        unique_key='household_key',
        incremental_strategy=increment_strategy(),
        post_hook="{{ mark_loaded(['household_person']) }}",
    )
}}

-- Every household ever delivered, even one that all members have left.
with {% if adds_to_existing() %}{{ person_news() }},

{% endif -%}
households as (
    select v.household_no_token as household_key
    from {{ ref('int_person_version') }} as v
    {% if adds_to_existing() -%}
    semi join news on v.person_key = news.person_key
    {%- endif %}
    group by v.household_no_token
),

members as (
    select
        person.household_key,
        min(person.person_key) filter (
            where person.relation_to_head in ('01', '02')
        ) as head_person_key,
        count(*) as member_count,
        min(person.hukou_region_code) filter (
            where person.relation_to_head in ('01', '02')
        ) as head_region_code,
        min(person.hukou_region_code) as any_region_code
    from {{ ref('dim_person') }} as person
    semi join households on person.household_key = households.household_key
    where person.is_current and person.status = 'normal'
    group by person.household_key
),

final as (
    select
        households.household_key,
        members.head_person_key,
        coalesce(members.member_count, 0) as member_count,
        coalesce(members.head_region_code, members.any_region_code) as hukou_region_code
    from households
    left join members on households.household_key = members.household_key
)

select * from final
