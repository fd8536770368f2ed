"""What sqlfluff sees in place of a macro call, so that it can lint models without running dbt.

Most macros stand for an expression or a relation: sqlfluff then takes their name as a column or a
table. Those that stand for more (a query, common table expressions, a join) are found by the first
word of their body and given a stand-in of that kind.
"""

import re
from collections.abc import Callable
from pathlib import Path

MACROS = Path(__file__).resolve().parent.parent / "macros"
MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)\(.*?%\}(.*?)\{%-?\s*endmacro", re.DOTALL)
COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
STATEMENT = re.compile(r"\{%.*?%\}", re.DOTALL)
EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
STAND_INS = (
    (re.compile(r"(?:select|with)\b"), "select 1 as macro_column"),
    (re.compile(r"(?:x,\s*)*\w+ as \("), "macro_cte as (select 1 as macro_column)"),
    (re.compile(r"(?:(?:left |inner |cross |semi |anti )?join|where|and)\b|$"), ""),
)


def _stand_in(body: str) -> str | None:
    text = EXPRESSION.sub("x", STATEMENT.sub("", COMMENT.sub("", body))).strip()
    found = [text_for for form, text_for in STAND_INS if form.match(text)]
    return found[0] if found else None


def _says(text: str) -> Callable[..., str]:
    return lambda *args, **kwargs: text


for _file in sorted(MACROS.rglob("*.sql")):
    for _name, _body in MACRO.findall(_file.read_text("utf-8")):
        _text = _stand_in(_body)
        if _text is not None:
            globals()[_name] = _says(_text)
