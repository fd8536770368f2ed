-- What each policy document wants of an indicator, for its region; contradicting targets stay both.
{%- set columns = {
    'indicator_id': 'varchar', 'target_no': 'integer', 'document': 'varchar',
    'region_code': 'varchar', 'year': 'integer', 'target_value': 'decimal(18,4)',
    'direction': 'varchar', 'kind': 'varchar', 'is_baseline': 'boolean', 'clause': 'varchar',
    'note_zh': 'varchar',
} %}
{%- set rows = [] %}
{%- for node in indicator_nodes() %}
    {%- for target in node.config.meta.get('targets', []) %}
        {%- do rows.append(dict(target, indicator_id=node.name, target_no=loop.index)) %}
    {%- endfor %}
{%- endfor %}
{{ rows_of(columns, rows) }}
