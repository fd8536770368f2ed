-- One notion of death for indicators and rules: confirmed by a certificate whose number and name
-- match, or by two independent sources; contested by a medical visit, or by showing up for the
-- pension, more than 3 days later.
with matched as (
    select *
    from {{ ref('int_death_evidence') }}
    where match_tier in ('M1', 'M2')
),

-- Of several records of one source the latest drawn up counts.
latest as (
    select *
    from matched
    qualify row_number() over (
        partition by person_key, source
        order by recorded_on desc, known_at desc, record_no desc
    ) = 1
),

persons as (
    select
        person_key,
        max(case when source = 'certificate' then death_date end) as certificate_date,
        max(case when source = 'cremation' then death_date end) as cremation_date,
        max(case when source = 'household' then death_date end) as household_date,
        max(case when source = 'enrolment' then death_date end) as enrolment_date,
        min(case when source = 'certificate' then known_at end) as certificate_known_at,
        min(case when source = 'cremation' then known_at end) as cremation_known_at,
        min(case when source = 'household' then known_at end) as household_known_at,
        min(case when source = 'enrolment' then known_at end) as enrolment_known_at,
        count(*) as source_count,
        {{ joined_list('source') }} as sources
    from latest
    group by person_key
),

-- Without certificate or cremation, the sources only say "by then at the latest".
dated as (
    select
        persons.*,
        coalesce(
            certificate_date, cremation_date, least(household_date, enrolment_date)
        ) as death_date,
        case
            when certificate_date is not null then 'certificate'
            when cremation_date is not null then 'cremation'
            when enrolment_date is null then 'household'
            when household_date is null then 'enrolment'
            when household_date <= enrolment_date then 'household'
            else 'enrolment'
        end as date_source,
        certificate_date is not null or source_count >= 2 as is_confirmed
    from persons
),

visits as (
    select dated.person_key, min(visit.settlement_no) as contesting_settlement_no
    from dated
    inner join {{ ref('fct_settlement') }} as visit
        on
            dated.person_key = visit.person_key
            and cast(visit.admitted_at as date) > {{ add_days('dated.death_date', 3) }}
    where visit.visit_kind in ('inpatient', 'outpatient')
    group by dated.person_key
),

-- The pension office sees the person before it notes the day.
seen as (
    select dated.person_key, min(pension.qualification_verified_on) as contesting_verified_on
    from dated
    inner join {{ ref('fct_pension') }} as pension
        on
            dated.person_key = pension.person_key
            and pension.qualification_verified_on > {{ add_days('dated.death_date', 3) }}
    group by dated.person_key
),

final as (
    select
        dated.person_key,
        dated.death_date,
        dated.date_source,
        dated.is_confirmed,
        visits.person_key is not null or seen.person_key is not null as is_contested,
        latest.match_tier,
        dated.sources,
        dated.certificate_date,
        dated.cremation_date,
        dated.household_date,
        dated.enrolment_date,
        dated.cremation_date as payer_death_date,
        least(
            dated.certificate_known_at,
            dated.cremation_known_at,
            dated.household_known_at,
            dated.enrolment_known_at
        ) as first_known_at,
        dated.certificate_known_at,
        dated.cremation_known_at,
        dated.household_known_at,
        dated.enrolment_known_at,
        dated.cremation_known_at as payer_known_at,
        visits.contesting_settlement_no,
        seen.contesting_verified_on,
        latest.dataset,
        latest.batch_id,
        latest.row_no,
        latest.known_at
    from dated
    inner join latest
        on dated.person_key = latest.person_key and dated.date_source = latest.source
    left join visits on dated.person_key = visits.person_key
    left join seen on dated.person_key = seen.person_key
)

select * from final
