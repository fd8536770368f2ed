-- Months in a row at one employer are one spell. The base is that of the last month.
with mapped as (
    select
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key,
        delivered.id_no_token as id_token,
        delivered.id_no_mask as person_mask,
        delivered.id_no_form as id_form,
        delivered.employer_uscc,
        delivered.month as month_start,
        delivered.base_amount,
        delivered.region_code,
        'employment_contribution' as dataset,
        delivered.batch_id,
        delivered.row_no,
        delivered.known_at
    from {{ ref('stg_employment_contribution') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
),

{{ merge_renumbered('mapped', ['person_key', 'employer_uscc', 'month_start'], 'paid') }},

compared as (
    select
        paid.*,
        lag(month_start) over (
            partition by person_key, employer_uscc order by month_start asc nulls first
        ) as month_before
    from paid
),

counted as (
    select
        compared.*,
        sum(case when month_start = {{ add_months('month_before', 1) }} then 0 else 1 end) over (
            partition by person_key, employer_uscc
            order by month_start asc nulls first
            rows between unbounded preceding and current row
        ) as spell_no
    from compared
),

ranked as (
    select
        counted.*,
        min(month_start) over (
            partition by person_key, employer_uscc, spell_no
        ) as valid_from,
        count(*) over (partition by person_key, employer_uscc, spell_no) as months,
        row_number() over (
            partition by person_key, employer_uscc, spell_no
            order by month_start desc nulls last
        ) as from_last
    from counted
),

final as (
    select
        person_key,
        id_token,
        person_mask,
        id_form,
        employer_uscc,
        valid_from,
        {{ add_months('month_start', 1) }} as valid_to,
        cast(months as integer) as months,
        base_amount,
        region_code,
        dataset,
        batch_id,
        row_no,
        known_at
    from ranked
    where from_last = 1
)

select * from final
