with members as (
    select household_key, person_key, relation_to_head, hukou_region_code, status
    from {{ ref('dim_person') }}
    where is_current
),

final as (
    select
        household_key,
        min(person_key) filter (
            where status = 'normal' and relation_to_head in ('01', '02')
        ) as head_person_key,
        cast(count(*) filter (where status = 'normal') as bigint) as member_count,
        coalesce(
            min(hukou_region_code) filter (
                where status = 'normal' and relation_to_head in ('01', '02')
            ),
            min(hukou_region_code)
        ) as hukou_region_code
    from members
    group by household_key
)

select * from final
