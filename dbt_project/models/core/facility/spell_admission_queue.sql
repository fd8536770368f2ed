-- The stay that an application led to: of the same person in the same house, begun on the day on
-- which the queue says that a bed was given. Stays of a person with two numbers meet by person key.
with applications as (
    select
        delivered.*,
        coalesce(renumbered.person_key, delivered.id_no_token) as person_key
    from {{ ref('stg_admission_queue') }} as delivered
    left join {{ ref('int_person_renumbered') }} as renumbered
        on delivered.id_no_token = renumbered.id_token
),

stays as (
    select
        person_key,
        facility_code,
        valid_from,
        min(stay_no) as stay_no
    from {{ ref('spell_stay') }}
    group by person_key, facility_code, valid_from
),

final as (
    select
        applications.application_no,
        applications.person_key,
        applications.id_no_token as id_token,
        applications.id_no_mask as person_mask,
        applications.id_no_form as id_form,
        applications.facility_code,
        applications.priority_class,
        applications.applied_on as valid_from,
        applications.admitted_on as valid_to,
        {{ days_between('applications.applied_on', 'applications.admitted_on') }} as days_waited,
        stays.stay_no,
        'admission_queue' as dataset,
        applications.batch_id,
        applications.row_no,
        applications.known_at
    from applications
    left join stays
        on applications.person_key = stays.person_key
        and applications.facility_code = stays.facility_code
        and applications.admitted_on = stays.valid_from
)

select * from final
