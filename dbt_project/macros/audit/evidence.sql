{#
    One evidence row, the shape that every rule returns (docs/decisions/0003): all columns, in
    one order, with one type each. What is left out is null, or 0 for an amount.

    month: set on the rows that carry the lead (they span first_month to last_month), null on
    context rows. region_code: today's county where the place maps to one.
#}
{% macro evidence_row(
    lead_key, subject_kind, subject_key, role, dataset,
    subject_mask='null', region_code='null', programme_code='null', month='null',
    amount_low=none, amount_point='0', amount_high=none, match_tier='null', known_class='null',
    source=none, fields={}
) -%}
{%- set from = source ~ '.' if source else '' -%}
    cast({{ lead_key }} as {{ type_text() }}) as lead_key,
    cast({{ subject_kind }} as {{ type_text() }}) as subject_kind,
    cast({{ subject_key }} as {{ type_text() }}) as subject_key,
    cast({{ subject_mask }} as {{ type_text() }}) as subject_mask,
    cast({{ region_code }} as {{ type_text() }}) as region_code,
    cast({{ programme_code }} as {{ type_text() }}) as programme_code,
    cast({{ month }} as date) as month,
    cast({{ amount_low if amount_low is not none else amount_point }} as decimal(18, 2))
        as amount_low,
    cast({{ amount_point }} as decimal(18, 2)) as amount_point,
    cast({{ amount_high if amount_high is not none else amount_point }} as decimal(18, 2))
        as amount_high,
    cast({{ match_tier }} as {{ type_text() }}) as match_tier,
    cast({{ known_class }} as {{ type_text() }}) as known_class,
    cast('{{ role }}' as {{ type_text() }}) as role,
    cast({{ dataset }} as {{ type_text() }}) as dataset,
    {{ from }}batch_id,
    {{ from }}row_no,
    {{ from }}known_at,
    {{ json_text(fields) }} as fields
{%- endmacro %}


{#
    Context rows of the leads about a dead person: every piece of death evidence.
    leads: relation with lead_key, subject_kind, subject_key, subject_mask, person_key.
#}
{% macro death_context(leads) -%}
    select
        {{ evidence_row(
            lead_key='l.lead_key', subject_kind='l.subject_kind', subject_key='l.subject_key',
            subject_mask='l.subject_mask', role='death', dataset='e.dataset',
            match_tier='e.match_tier', source='e',
            fields={
                'source': 'e.source', 'death_date': 'e.death_date',
                'recorded_on': 'e.recorded_on', 'name_matches': 'e.name_matches',
            },
        ) }}
    from {{ leads }} as l
    inner join {{ ref('int_death_evidence') }} as e on e.person_key = l.person_key
{%- endmacro %}
