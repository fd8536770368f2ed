-- Every record that says a person died. A record with another name is kept, as an identity
-- question (M3); the number alone speaks where the source delivers no name.
with reports as (
    select
        'certificate' as source,
        certificate_no as record_no,
        id_no_token,
        id_no_form,
        name_token,
        death_date,
        issued_on as recorded_on,
        'death_certificate' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_death_certificate') }}
    union all
    select
        'cremation' as source,
        cremation_no as record_no,
        id_no_token,
        id_no_form,
        name_token,
        death_date,
        cremated_on as recorded_on,
        'cremation' as dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('stg_cremation') }}
),

linked as (
    select
        coalesce(renumbered.person_key, reports.id_no_token) as person_key,
        renumbered.id_token is not null as is_renumbered,
        reports.*
    from reports
    left join {{ ref('int_person_renumbered') }} as renumbered
        on reports.id_no_token = renumbered.id_token
),

named as (
    select
        linked.source,
        linked.record_no,
        bool_or(person.name_token = linked.name_token) as name_matches
    from linked
    inner join {{ ref('dim_person') }} as person on linked.person_key = person.person_key
    group by linked.source, linked.record_no
),

final as (
    select
        linked.person_key,
        linked.source,
        linked.record_no,
        linked.death_date,
        named.name_matches,
        linked.id_no_form as id_form,
        case
            when not coalesce(named.name_matches, false) then 'M3'
            when linked.is_renumbered or linked.id_no_form = 'converted_15' then 'M2'
            else 'M1'
        end as match_tier,
        linked.recorded_on,
        linked.dataset,
        linked.batch_id,
        linked.row_no,
        linked.known_at
    from linked
    left join named on linked.source = named.source and linked.record_no = named.record_no
    union all
    select
        person_key,
        'household' as source,
        id_token as record_no,
        coalesce(status_date, cast(known_at as date)) as death_date,
        true as name_matches,
        id_form,
        case when id_form = 'converted_15' then 'M2' else 'M1' end as match_tier,
        cast(known_at as date) as recorded_on,
        dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('dim_person') }}
    where is_current and status = 'cancelled_death'
    union all
    select
        person_key,
        'enrolment' as source,
        id_token || '|' || insurance_kind || '|' || cast(valid_from as {{ type_text() }})
            as record_no,
        valid_to as death_date,
        cast(null as boolean) as name_matches,
        id_form,
        case
            when id_token <> person_key or id_form = 'converted_15' then 'M2'
            else 'M1'
        end as match_tier,
        cast(known_at as date) as recorded_on,
        dataset,
        batch_id,
        row_no,
        known_at
    from {{ ref('spell_enrolment') }}
    where end_reason = 'death' and valid_to is not null
)

select * from final
