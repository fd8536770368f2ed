"""Drift: what happens when a delivery has other columns than the contract, or than the last time.

Whatever the contract's `drift` clause decides, a changed schema is reported with both sides: in the
receipt in words, in the manifest as data (`delivered_columns`, `schema_change`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ingestion import parsing, register
from ingestion.contracts import Contract
from ingestion.errors import DeliveryError
from ingestion.headers import is_named, renames
from ingestion.marks import FAULT, MARKS, PLACE, TEXT, unmarked
from ingestion.reasons import REASONS
from yinling.settings import Settings

_SAMPLE = 2_000  # values looked at to propose a type
_MESSAGE_COLUMNS = 10  # columns named in a message; a manifest names them all


@dataclass
class Last:
    """The columns of a provider's last committed batch: header → type in its system or ""."""

    batch_id: str
    columns: dict[str, str]


@dataclass
class SchemaReport:
    """What columns one delivery had.

    Attributes:
        columns: delivered header → type in the department's system, "" where files have none.
        mapped: delivered header → contract column, where they are written differently.
        unknown: headers that the contract does not have → the type that their values look like
            (None: no value yet).
        missing: contract columns that were not delivered.
        last: the provider's batch before, None when this is the first.
        types: header → type in the department's system, from connectors that know it.
    """

    columns: dict[str, str] = field(default_factory=dict)
    mapped: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str | None] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    last: Last | None = None
    types: dict[str, str] = field(default_factory=dict)

    def add(self, delivered: list[str], mapping: Mapping[str, str], missing: list[str]) -> None:
        """Take in the columns of one frame; a column is missing when no frame has it."""
        if not delivered:
            return
        first = not self.columns
        self.columns |= {header: self.types.get(header, "") for header in delivered}
        self.mapped |= {header: column for header, column in mapping.items() if header != column}
        self.missing = [name for name in missing if first or name in self.missing]

    def change(self, contract: Contract) -> dict[str, Any] | None:
        """Both sides of every difference; None when the delivery is as agreed and as before."""
        against: dict[str, Any] = {}
        if self.unknown or self.missing:
            against["contract"] = {
                "agreed": [column.name for column in contract.columns],
                "delivered": list(self.columns),
                "unknown": list(self.unknown),
                "missing": self.missing,
                "proposed": [
                    {"name": name, "logicalType": kind or "string"}
                    for name, kind in self.unknown.items()
                    if is_named(name)
                ]
                if contract.drift.unknownColumn == "evolve"
                else [],
            }
        if self.last is not None and self._differs(self.last):
            before, after = self.last.columns, self.columns
            against["last_batch"] = {
                "batch_id": self.last.batch_id,
                "before": before,
                "delivered": after,
                "added": [name for name in after if name not in before],
                "gone": [name for name in before if name not in after],
                "retyped": {
                    name: [before[name], kind]
                    for name, kind in after.items()
                    if name in before and before[name] != kind
                },
            }
        return against or None

    def _differs(self, last: Last) -> bool:
        return bool(self.columns) and last.columns != self.columns

    def words(self, contract: Contract) -> list[str]:
        """The differences for the provider, in Chinese."""
        titles = {column.name: column.title for column in contract.columns}
        told = {
            "evolve": "未采用，已报请增加到数据目录",
            "discard_value": "未采用",
            "discard_row": "有值的行已退回",
            "freeze": "未采用",
        }[contract.drift.unknownColumn]
        words = [f"缺少选填列 {name}（{titles[name]}），按空值处理" for name in self.missing]
        words += [
            f"未知列 {name}，{told if is_named(name) else told.partition('，')[0]}"
            for name in self.unknown
        ]
        change = (self.change(contract) or {}).get("last_batch")
        if change:
            parts = [
                f"{label} {_few(named)}"
                for label, names in (("新增列", change["added"]), ("不再有列", change["gone"]))
                if (named := [name for name in names if is_named(name)])
            ]
            parts += [
                f"列 {name} 的类型由 {old} 变为 {new}"
                for name, (old, new) in change["retyped"].items()
            ]
            if parts:
                words.append(f"与上一批次 {change['batch_id']} 相比：{'；'.join(parts)}")
        return words


def _few(names: list[str]) -> str:
    more = f" 等 {len(names)} 列" if len(names) > _MESSAGE_COLUMNS else ""
    return "、".join(names[:_MESSAGE_COLUMNS]) + more


def conform(
    contract: Contract,
    frame: pl.DataFrame,
    report: SchemaReport | None = None,
) -> pl.DataFrame:
    """The contract's columns in its order, and the marks; absent columns empty.

    Args:
        report: takes what was delivered.

    Raises:
        DeliveryError: `missing_column`, `schema_frozen`, `duplicate_column`, `wrong_unit`.
    """
    report = report if report is not None else SchemaReport()
    delivered = unmarked(frame.columns)
    mapping = contract.headers.mapping(delivered)
    found = {column: header for header, column in mapping.items()}
    unknown = [header for header in delivered if header not in mapping]
    if delivered:
        _refuse_frozen(contract, found, unknown)
    missing = [column.name for column in contract.columns if column.name not in found]
    report.add(delivered, mapping, missing)
    for header in unknown:
        if report.unknown.get(header) is None:
            report.unknown[header] = _kind(frame[header])
    blank = pl.lit(None, dtype=pl.String)
    columns = [
        (pl.col(found[name]) if name in found else blank).alias(name) for name in contract.by_name
    ]
    marks = [name for name in MARKS if name in frame.columns]
    raw = frame.select(*columns, *marks)
    if unknown and contract.drift.unknownColumn == "discard_row":
        raw = _with_unknown_values(raw, frame.select(unknown))
    return raw


def _refuse_frozen(contract: Contract, found: Mapping[str, str], unknown: list[str]) -> None:
    titles = {column.name: column.title for column in contract.columns}
    absent = {c.name: c.title for c in contract.columns if c.name not in found}
    required = {name for name in absent if contract.by_name[name].required}
    named = [header for header in unknown if is_named(header)]
    listed = f"文件的列：{_few([*found.values(), *named])}"
    if not found and not named:
        listed = f"文件的第一行没有一个目录中的列名（共 {len(unknown)} 列）"
    elif len(named) < len(unknown):
        listed += f"，另有 {len(unknown) - len(named)} 列没有列名，或所写的不像列名（不引用）"
    if required:
        likely = renames({name: absent[name] for name in absent if name in required}, named)
        hints = [f"未知列“{header}”是否就是“{titles[name]}”？" for name, header in likely.items()]
        names = "、".join(f"{name}（{titles[name]}）" for name in absent if name in required)
        if not named and not contract.headers.is_header([*found.values(), *unknown]):
            hints.append("表头应在文件的第一行，上面不要有标题。")
        raise DeliveryError(
            "missing_column",
            f"缺少必填列：{names}。{''.join(hints)}{listed}。请补齐或按目录改正列名后重报。",
        )
    frozen = []
    if absent and contract.drift.missingColumn == "freeze":
        frozen.append(f"缺少列 {_few([f'{name}（{title}）' for name, title in absent.items()])}")
    if unknown and contract.drift.unknownColumn == "freeze":
        frozen.append(f"多出列 {_few(unknown)}")
    if frozen:
        raise DeliveryError(
            "schema_frozen",
            f"列与目录不一致：{'；'.join(frozen)}。{listed}。"
            "本数据集的结构不得变动，请按目录的列重新报送。",
        )


def _with_unknown_values(raw: pl.DataFrame, unknown: pl.DataFrame) -> pl.DataFrame:
    """Marks the rows that have a value in a column which the contract does not know."""
    first = pl.coalesce(
        pl.when(pl.col(name).str.strip_chars() != "").then(
            pl.format("{}={}", pl.lit(name), pl.col(name))
        )
        for name in unknown.columns
    )
    text = unknown.select(first.alias(TEXT)).to_series()
    marked = text.is_not_null()
    if not marked.any():
        return raw
    null = pl.Series([None], dtype=pl.String)
    before = {m: raw[m] if m in raw.columns else null.new_from_index(0, raw.height) for m in MARKS}
    free = marked & before[FAULT].is_null()
    values = {FAULT: "unknown_column", PLACE: "", TEXT: None}
    made = [
        (text if value is None else pl.Series([value]).new_from_index(0, raw.height))
        .zip_with(free, before[mark])
        .alias(mark)
        for mark, value in values.items()
    ]
    return raw.select(pl.exclude(MARKS)).hstack(made)


def _kind(column: pl.Series) -> str | None:
    """The logical type that a new column's values look like; None: it has none here."""
    text = parsing.tidy(column.drop_nulls().head(_SAMPLE)).drop_nulls()
    if not len(text):
        return None
    for kind, parsed in (
        ("date", parsing.date(text)),
        ("timestamp", parsing.timestamp(text)),
        ("integer", parsing.integer(text, pl.Int64())),
        ("number", parsing.number(text)),
    ):
        if parsed.null_count() == 0:
            return kind
    return "string"


def refuse_frozen_values(contract: Contract, refused: pl.LazyFrame) -> None:
    """A value that does not fit in a frozen column refuses the delivery.

    Args:
        refused: the batch's quarantine rows.

    Raises:
        DeliveryError: `value_frozen`, with the first of them.
    """
    frozen = [column.name for column in contract.columns if column.unfit == "freeze"]
    if not frozen:
        return
    here = refused.filter(pl.col("column").is_in(frozen))
    found = here.select(rows=pl.len(), message=pl.col("message_zh").first())
    rows, message = found.collect(engine="streaming").row(0)
    if rows:
        raise DeliveryError(
            "value_frozen",
            f"{rows} 行的值不符合目录，而本列不允许有不符的值："
            f"{message}。请全部更正后整批重新报送。",
        )


def left_out_words(contract: Contract, discarded: pl.LazyFrame) -> list[str]:
    """What the provider is told about values that were left out of loaded rows."""
    counted = discarded.group_by("column", "reason").agg(
        rows=pl.len(), first=pl.col("row_no").min()
    )
    return [
        f"“{contract.titles[column]}”有 {rows} 个值未载入（{REASONS[reason].message}，"
        f"最早在第{first}行），其余各列已载入。{REASONS[reason].suggestion}"
        for column, reason, rows, first in (
            counted.sort("column", "reason").collect(engine="streaming").iter_rows()
        )
    ]


class History:
    """Each provider's columns of its last batch, read once and kept up to date in a run."""

    def __init__(self, settings: Settings, known: pl.DataFrame) -> None:
        newest = known.group_by("provider", maintain_order=True).last() if known.height else known
        self._settings = settings
        self._newest = dict(newest.select("provider", "batch_id").iter_rows())
        self._last: dict[str, Last | None] = {}

    def last(self, dataset: str, provider: str) -> Last | None:
        """The provider's last committed batch; None when there is none, or it had no columns."""
        if provider not in self._last:
            batch_id = self._newest.get(provider)
            columns = None
            if batch_id is not None:
                manifest = register.manifest(self._settings, dataset, batch_id)
                columns = manifest.get("delivered_columns")
            self._last[provider] = Last(str(batch_id), columns) if columns else None
        return self._last[provider]

    def remember(self, provider: str, batch_id: str, columns: dict[str, str]) -> None:
        """A batch was committed."""
        if columns:
            self._last[provider] = Last(batch_id, columns)
