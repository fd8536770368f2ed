with final as (
    select
        region_code,
        year,
        sex,
        age,
        population,
        'population_count' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_population_count') }}
)

select * from final
