"""The SQL forms that DuckDB and Spark read differently, kept out of everything but macros/dialect.

Some give other results from the same text, in silence (concat with null, decimal division, casts
that round or cut); some exist on one engine only; some give another result at each run. A form
belongs into a macro of macros/dialect with one body an engine, or into none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EXEMPT = ("macros/dialect", "macros/rendered", "target", "logs")


@dataclass(frozen=True)
class Ban:
    """One banned form: an id, what to look for, and what to write instead."""

    id: str
    pattern: re.Pattern[str]
    remedy: str


@dataclass(frozen=True)
class Breach:
    """One place where a banned form stands."""

    file: Path
    line: int
    ban: Ban
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.ban.id}: `{self.text}`; {self.ban.remedy}"


def _functions(ban_id: str, names: str, remedy: str) -> Ban:
    """A ban on calls of functions, by names separated by blanks (regular expressions allowed)."""
    return Ban(ban_id, re.compile(rf"(?<![\w.])(?:{'|'.join(names.split())})\s*\("), remedy)


BANS = (
    _functions("concat", "concat concat_ws format printf", "write a || b: null stays null"),
    _functions(
        "regexp", r"regexp_\w+ rlike regexp_like similar_to", "use matches() of macros/dialect"
    ),
    _functions("average", "avg mean median", "keep sum and count, divide with ratio()"),
    _functions("round", "round bround", "use ratio() or whole()"),
    _functions(
        "date arithmetic",
        r"date_?diff date_?add date_?sub timestampdiff to_months to_days add_months age epoch"
        r" epoch_ms unix_timestamp",
        "use days_between(), add_days(), add_months(), seconds_between(), months_apart()",
    ),
    _functions(
        "date text",
        "strftime strptime date_format to_date to_timestamp to_char",
        "use month_text(), or cast ISO text",
    ),
    _functions("weekday", "dayofweek weekday isodow weekofyear", "add a macro to macros/dialect"),
    _functions("hash", r"hash xxhash64 md5 sha1 sha2 sha256", "use sha256_hex()"),
    _functions(
        "collect",
        "string_agg group_concat listagg list array_agg collect_list collect_set",
        "use joined_list()",
    ),
    _functions(
        "series",
        "unnest explode generate_series range sequence",
        "use list_items(), month_series()",
    ),
    _functions(
        "json",
        r"json\w* to_json from_json get_json_object struct_pack named_struct",
        "use json_text()",
    ),
    _functions(
        "collections",
        r"list_\w+ array_\w+ string_split split map struct",
        "use list_has(), list_items()",
    ),
    _functions(
        "files", r"read_\w+ glob parquet_scan", "name a source; files are opened in macros/dialect"
    ),
    _functions(
        "chance",
        "now today current_timestamp current_date random rand uuid gen_random_uuid any_value first"
        r" last arbitrary approx_\w+",
        "the same data must give the same rows: use data dates, min() or max_by()",
    ),
    Ban(
        "chance",
        re.compile(r"\b(?:current_date|current_timestamp|using sample|tablesample)\b"),
        "the same data must give the same rows: use data dates",
    ),
    Ban(
        "division",
        re.compile(r"(?<=[\w)\s])//?(?=[\s(\w])"),
        "use ratio(): engines divide decimals and integers differently",
    ),
    Ban("interval", re.compile(r"\binterval\b"), "use add_days() or add_months()"),
    Ban(
        "date minus date",
        re.compile(r"\b\w+_(?:date|on|from|to|at|start|end)\s+-\s+[\w(]"),
        "use days_between()",
    ),
    Ban(
        "cast to integer",
        re.compile(
            r"\bcast\s*\((?:(?!\bas\b)[^()]|\([^()]*\))*"
            r"(?:\*|amount|score|value|ratio|rate|share|area|numerator|denominator|tude\b)"
            r"(?:(?!\bas\b)[^()]|\([^()]*\))*\bas\s+(?:tinyint|smallint|int|integer|bigint)\s*\)"
        ),
        "2.7 becomes 3 on one engine and 2 on the other: use whole()",
    ),
    Ban("backslash", re.compile(r"\\"), "engines read it differently: write [0-9], [.]"),
    Ban("quoted name", re.compile(r'"[^"]*"'), "use plain lower-case names"),
    Ban(
        "star",
        re.compile(r"\*\s*(?:exclude|except|replace)\s*\(|\bcolumns\s*\(\s*\*"),
        "name the columns",
    ),
    Ban("distinct on", re.compile(r"\bdistinct\s+on\s*\("), "use qualify row_number() … = 1"),
    Ban(
        "join",
        re.compile(r"\b(?:asof|positional|natural)\s+(?:left\s+)?join\b|\blateral\b"),
        "write the condition as an ordinary join",
    ),
)

_COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
# A config block ends at the line's start: its hooks are templates in a template.
_JINJA = re.compile(r"\{\{\s*config\(.*?\n(?:\) )?\}\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_QUOTED = re.compile(r"'([^'\n]*)'|\"([^\"\n]*)\"")


def plain_sql(text: str) -> str:
    """The SQL of a template, of the same length: comments blank, macro calls `x`, literals empty.

    What a macro call gets as text is SQL too: it stays, so that it is checked as well.
    """

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match.group())

    def jinja(match: re.Match[str]) -> str:
        call = match.group()
        kept = [" "] * len(call)
        kept[-1] = "x" if call.startswith("{{") else " "
        for quoted in _QUOTED.finditer(call):
            kept[quoted.start() : quoted.end()] = list(f" {quoted.group()[1:-1]} ")
        return "".join(
            c if original != "\n" else "\n" for c, original in zip(kept, call, strict=True)
        )

    def literal(match: re.Match[str]) -> str:
        # A backslash in a literal is the one thing in it that matters.
        return re.sub(r"[^\n'\\]", " ", match.group())

    without_comments = _COMMENT.sub(blank, text)
    with_calls = _JINJA.sub(jinja, without_comments)
    return _LITERAL.sub(literal, with_calls)


def lint_text(text: str, file: Path) -> Iterator[Breach]:
    """Banned forms of one template, in the order of their lines."""
    sql = plain_sql(text)
    found = [
        Breach(file, sql.count("\n", 0, match.start()) + 1, ban, " ".join(match.group().split()))
        for ban in BANS
        for match in ban.pattern.finditer(sql)
    ]
    yield from sorted(found, key=lambda breach: breach.line)


def lint_project(project: Path) -> list[Breach]:
    """Banned forms in every model, macro and test of a dbt project, but for the exempt folders."""
    breaches: list[Breach] = []
    for path in sorted(project.rglob("*.sql")):
        relative = path.relative_to(project)
        if not str(relative).startswith(EXEMPT):
            breaches.extend(lint_text(path.read_text("utf-8"), relative))
    return breaches
