{#
    Data health: which dimension a refusal counts against, and the words for reasons. What the
    dimensions mean stands in the seed `health_dimension`. A row is counted under the first fault
    that landing found in it.
#}

{# Which dimension a row's refusal counts against. #}
{% macro health_dimension_of(reason) -%}
    case
        when {{ reason }} in ('missing_required', 'id_missing') then 'completeness'
        when {{ reason }} = 'duplicate_key' then 'uniqueness'
        else 'validity'
    end
{%- endmacro %}

{# Words for the codes of whole deliveries that were refused. #}
{% macro delivery_codes() -%}
    {{ return({
        'row_count': '行数与控制记录不符', 'control_sum': '合计与控制记录不符',
        'hash': '文件校验值不符', 'sequence_reused': '同一序号重复使用且内容不同',
        'missing_column': '缺少必填列', 'bad_control': '控制记录有误',
        'missing_file': '控制记录所指的文件不存在', 'unknown_format': '文件格式不支持',
        'bad_name': '文件名不符合约定', 'bad_encoding': '文件编码有误',
        'bad_structure': '文件结构有误', 'bad_archive': '压缩包损坏或内容不符',
        'bad_workbook': '电子表格损坏', 'encrypted': '文件设有密码',
        'ambiguous_sheets': '无法判断使用哪个工作表', 'hidden_sheet': '数据在隐藏的工作表中',
        'duplicate_column': '列名重复', 'empty_file': '文件为空',
        'line_too_long': '单行过长', 'too_large': '文件过大',
        'unclosed_quote': '引号未闭合', 'schema_frozen': '列与冻结的契约不符',
        'value_frozen': '有值不在冻结的契约之内', 'unknown_dataset': '没有这个数据集的契约',
        'cursor_type': '增量游标的类型改变', 'wrong_unit': '报送单位与契约不符',
        'rows_lost': '读入行数不平（平台差错）',
    }) }}
{%- endmacro %}

{# The text of a map's entry for a key column; the key itself where the map has none. #}
{% macro word_for(key, words) -%}
    case {{ key }}
        {%- for code, word in words.items() %}
        when '{{ code }}' then '{{ word | replace("'", "''") }}'
        {%- endfor %}
        else {{ key }}
    end
{%- endmacro %}
