"""Why a row is refused: stable ids, and what the provider is told.

The ids go into quarantine, receipts, gates and trends: they are never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One kind of refusal: what is wrong, and what the provider can do (both Chinese)."""

    message: str
    suggestion: str


REASONS: dict[str, Reason] = {
    "id_missing": Reason("公民身份号码为空", "请补填公民身份号码"),
    "id_excel_damage": Reason(
        "公民身份号码被电子表格改写（科学计数法或末三位变为000）",
        "请将该列设为文本格式后重新填写，不要直接改格式",
    ),
    "id_length": Reason("公民身份号码不是18位或15位号码", "请核对位数和字符，末位只能是数字或X"),
    "id_checksum": Reason(
        "公民身份号码校验位不符", "请核对证件后更正；确为重号、错号的请转公安核实"
    ),
    "id_date": Reason("公民身份号码中的出生日期不存在", "请核对第7至14位（15位号码第7至12位）"),
    "id_area": Reason("公民身份号码的前六位不是任何年份的区划代码", "请核对前六位"),
    "missing_required": Reason("必填项为空", "请补填"),
    "bad_encoding": Reason(
        "含有无法识别的字符（乱码）", "请按约定编码（UTF-8 或 GB18030）重新导出"
    ),
    "bad_date": Reason("日期或时间无法识别", "请填写真实存在的公历日期，如 2026-09-01"),
    "bad_number": Reason("数值无法识别", "请只填数字；金额以元为单位，最多两位小数"),
    "bad_boolean": Reason("是否项无法识别", "请填 true 或 false（是或否）"),
    "bad_code": Reason("代码不在代码表中", "请按数据目录的代码表填写"),
    "bad_pattern": Reason("格式不符合要求", "请按数据目录规定的格式填写"),
    "bad_length": Reason("长度不符合要求", "请核对位数"),
    "out_of_range": Reason("超出允许范围", "请核对数值或日期"),
    "unit_in_number": Reason(
        "数值带有单位（如 元、万元）", "请换算为目录规定的单位（金额为元），只填数字，不带单位"
    ),
    "lunar_date": Reason("看来是农历日期", "请换算为公历日期填写，如 2026-09-01；本平台不代为换算"),
    "date_serial": Reason(
        "日期成了电子表格的序号（如 45901）", "请将该列设为日期格式后重新导出，或填写 2026-09-01"
    ),
    "implausible_date": Reason(
        "日期早于1850年或晚于2149年", "请核对年份；长期有效的请将截止日期留空"
    ),
    "future_date": Reason("日期晚于报送之日，尚未发生", "请核对年份和月份"),
    "code_not_current": Reason(
        "代码在该行日期（或报送期）尚未启用或已经停用", "请按当时有效的代码表填写"
    ),
    "division_not_current": Reason(
        "区划代码在该行日期（或报送期）不存在或已撤销",
        "请按当时有效的区划代码填写，撤并后的用新代码",
    ),
    "formula_error": Reason(
        "单元格是公式错误（如 #REF!、#N/A）", "请修正公式，或以数值方式粘贴后重新报送"
    ),
    "merged_cell": Reason(
        "数值写在跨行的合并单元格里，看不出每行各是多少", "请取消合并，逐行填写本行的数值"
    ),
    "column_count": Reason("列数与表头不符", "请检查该行的分隔符；值里有分隔符或换行的请加引号"),
    "bad_json": Reason("不是一个 JSON 对象", "请每行写一个完整的 JSON 对象"),
    "repeated_name": Reason(
        "同一行 JSON 中同一列名出现两次，不知以哪个值为准", "请每个列名只写一次"
    ),
    "unknown_column": Reason("目录以外的列中有值", "请删除该列，或先与数据管理部门商定增加"),
    "excel_damage": Reason("号码被电子表格改写为科学计数法", "请将该列设为文本格式后重新填写"),
    "duplicate_key": Reason("与本批次中更早的一行主键重复", "请删除重复行；更正请用新的批次报送"),
}
