-- H01 住院期间上门服务
-- A service at home was delivered on a day between admission to and discharge from hospital.
-- Candidates: inpatient stays with a whole day inside. Evidence: orders, the settlements.
with

admissions as (
    select
        settlement_no,
        person_key,
        institution_code,
        cast(admitted_at as date) as admitted_on,
        cast(discharged_at as date) as discharged_on,
        id_form,
        id_token,
        batch_id,
        row_no,
        known_at
    from {{ ref('fct_settlement') }}
    where
        visit_kind = 'inpatient'
        and {{ days_between('admitted_at', 'discharged_at') }} >= 2
),

-- Both ends excluded: the day of admission and the day of discharge may have a service.
inside as (
    select
        o.*,
        a.settlement_no,
        a.institution_code,
        a.admitted_on,
        a.discharged_on,
        a.id_form as patient_id_form,
        a.id_token as patient_id_token,
        {{ month_start('o.started_at') }} as month
    from {{ ref('fct_service_order') }} as o
    inner join admissions as a
        on
            a.person_key = o.person_key
            and cast(o.started_at as date) > a.admitted_on
            and cast(o.started_at as date) < a.discharged_on
    where o.amount > 0
),

register as ({{ register_of('inside') }}),

placed as (
    select
        i.*,
        {{ county('d.residence_region_code') }} as county_code
    from inside as i
    left join register as d on d.person_key = i.person_key
    {{ join_county('d.residence_region_code') }}
),

policy as ({{ policy_on('placed', 'H01') }}),

-- Services on many days of one admission point to the hospital: was the bed slept in at all?
flagged as (
    select
        p.*,
        case
            when
                p.id_form = 'converted_15'
                or p.patient_id_form = 'converted_15'
                or p.id_token <> p.patient_id_token
                then 'M2'
            else 'M1'
        end as match_tier,
        case
            when
                count(*) over (partition by p.settlement_no) >= policy.bed_hanging_days
                and min(p.worker_key) over (partition by p.settlement_no)
                <> max(p.worker_key) over (partition by p.settlement_no)
                then 'bed_hanging'
            else 'service_not_delivered'
        end as hypothesis
    from placed as p
    inner join policy on {{ same_policy('p') }}
    where not {{ in_list('p.item', 'policy.ward_items') }}
)

select
    {{ evidence_row(
        lead_key='f.person_key', subject_kind="'person'", subject_key='f.person_key',
        subject_mask='f.person_mask', region_code='f.county_code', month='f.month',
        amount_low='coalesce(f.subsidy_amount, 0)', amount_point='f.amount',
        match_tier='f.match_tier', role='order', dataset='f.dataset', source='f',
        fields={
            'order_no': 'f.order_no', 'provider_code': 'f.provider_code', 'item': 'f.item',
            'started_at': 'f.started_at', 'amount': 'f.amount', 'worker_key': 'f.worker_key',
            'settlement_no': 'f.settlement_no', 'hypothesis': 'f.hypothesis',
        },
    ) }}
from flagged as f
union all
select
    {{ evidence_row(
        lead_key='l.person_key', subject_kind="'person'", subject_key='l.person_key',
        subject_mask='l.person_mask', role='admission', dataset="'medical_settlement'",
        source='a',
        fields={
            'settlement_no': 'a.settlement_no', 'institution_code': 'a.institution_code',
            'admitted_on': 'a.admitted_on', 'discharged_on': 'a.discharged_on',
        },
    ) }}
from (select distinct person_key, person_mask, settlement_no from flagged) as l
inner join admissions as a on a.settlement_no = l.settlement_no
