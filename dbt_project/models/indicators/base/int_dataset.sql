-- What each contract says about who delivers and how often.
{%- set columns = {
    'dataset': 'varchar', 'title': 'varchar', 'owner': 'varchar', 'granularity': 'varchar',
    'cadence': 'varchar', 'months': 'integer', 'latency_days': 'integer',
} %}
{%- set rows = [] %}
{%- for name, facts in dataset_facts().items() %}
    {%- do rows.append(dict(facts, dataset=name)) %}
{%- endfor %}
{{ rows_of(columns, rows) }}
