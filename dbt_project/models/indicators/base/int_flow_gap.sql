-- Months between a county's deliveries of which nothing came: what happened in them is not known,
-- though later months are there. A table read from where the last reading ended leaves none, and a
-- full list that takes the place of all before it speaks for all before it.
{%- set replaced = [] %}
{%- for name, facts in dataset_facts().items() if facts['full_replaces'] == 'provider' %}
    {%- do replaced.append(name) %}
{%- endfor %}
with

months as (
    select distinct region_code, month_no from {{ ref('int_region_month') }}
    where region_level = 'county'
),

counties as (
    select distinct region_code from months
),

told as (
    select
        batch.dataset,
        counties.region_code,
        {{ month_number('batch.period_end') }} as month_no,
        max(
            case
                when batch.cursor is not null
                    or (batch.mode = 'full' and batch.dataset in ('{{ replaced | join("', '") }}'))
                    then {{ month_number('batch.period_end') }}
                else 0
            end
        ) as whole_to
    from {{ ref('int_batch') }} as batch
    inner join counties
        on {{ delivers_for('batch.provider', 'counties.region_code') }}
    where batch.rows_loaded > 0 or batch.rows_read = 0
    group by batch.dataset, counties.region_code, {{ month_number('batch.period_end') }}
),

steps as (
    select
        told.dataset,
        told.region_code,
        told.month_no - dataset.months as last_month_of_gap,
        greatest(
            coalesce(lag(told.month_no) over history, told.month_no),
            max(told.whole_to) over (partition by told.dataset, told.region_code)
        ) as told_to
    from told
    inner join {{ ref('int_dataset') }} as dataset
        on dataset.dataset = told.dataset
    window history as (
        partition by told.dataset, told.region_code order by told.month_no
    )
)

select
    steps.dataset,
    steps.region_code,
    months.month_no
from steps
inner join months
    on months.region_code = steps.region_code
    and months.month_no > steps.told_to
    and months.month_no <= steps.last_month_of_gap
