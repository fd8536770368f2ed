-- The catalogue: what each indicator's own YAML says about it.
{%- set columns = {
    'indicator_id': 'varchar', 'theme': 'varchar', 'name_zh': 'varchar', 'name_en': 'varchar',
    'definition_zh': 'varchar', 'numerator_zh': 'varchar', 'denominator_zh': 'varchar',
    'unit': 'varchar', 'multiplier': 'integer', 'direction': 'varchar', 'feeds': 'varchar',
    'value_kind': 'varchar', 'frequency': 'varchar', 'definition_version': 'varchar',
    'definition_from': 'date', 'usable_for_zh': 'varchar', 'not_for_zh': 'varchar',
    'office_zh': 'varchar', 'part_of': 'varchar',
} %}
{%- set rows = [] %}
{%- for node in indicator_nodes() %}
    {%- set meta = node.config.meta %}
    {%- do rows.append(dict(
        meta,
        indicator_id=node.name,
        definition_version=meta.definition.version,
        definition_from=meta.definition.valid_from,
    )) %}
{%- endfor %}
{{ rows_of(columns, rows) }}
