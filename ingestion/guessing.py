"""What a file without papers probably is: told by its headers, its name and what came before."""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from ingestion import identifiers, parsing
from ingestion.connectors.naming import month_in
from ingestion.contracts import Contract
from ingestion.errors import DeliveryError
from ingestion.readers import FORMATS, file_frames
from ingestion.readers.content import Content
from ingestion.readers.workbook import workbook_tops
from yinling.settings import Source

ROWS_LOOKED_AT = 20
LEAST_FIT = 0.5  # how alike header and contract must be; half of it with all required columns
CLEAR_LEAD = 0.05
ENCODINGS = ("utf-8", "gb18030")
_REGION = re.compile(r"(?<!\d)([1-9]\d{5})(?:\d{6})?(?!\d)")


def encoding_of(path: Path, agreed: str) -> str:
    """The encoding in which most lines at the head of the file can be text, else the agreed one.

    UTF-8 is looked for first: its text mostly is valid GB18030 too, but other characters. A spoilt
    line does not decide for all. A byte order mark speaks for itself when the file is read.
    """
    with path.open("rb") as file:
        head = file.read(1 << 20)
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    for name in ENCODINGS:
        if 2 * sum(_is_text(line, name) for line in lines) > len(lines):
            return name
    return agreed


def _is_text(line: bytes, encoding: str) -> bool:
    try:
        # A character that the end of the head cuts in two is no error.
        codecs.getincrementaldecoder(encoding)("strict").decode(line)
    except UnicodeDecodeError:
        return False
    return True


def heads(path: Path) -> list[list[str]]:
    """Rows that may be the header: the first ones of every visible sheet, or the header line.

    Raises:
        DeliveryError: the file cannot be read.
    """
    if path.suffix.lower() not in FORMATS:
        raise DeliveryError(
            "unknown_format",
            f"不认识的文件类型“{path.suffix}”（{path.name}）。请用 {'、'.join(FORMATS)}。",
        )
    if path.suffix.lower() == ".xlsx":
        return workbook_tops(Content.of(path), ROWS_LOOKED_AT)
    failed: DeliveryError | None = None
    for encoding in ENCODINGS:
        try:
            return [frame.columns for frame in _first(file_frames(path, encoding))]
        except DeliveryError as error:
            failed = failed or error
    raise failed if failed else AssertionError


def _first(frames: Iterable[pl.DataFrame]) -> list[pl.DataFrame]:
    for frame in frames:
        return [frame]
    return []


def dataset_of(path: Path, contracts: Mapping[str, Contract]) -> tuple[str, str]:
    """(dataset, why) of the contract that the headers fit best.

    Raises:
        DeliveryError: `unknown_dataset`, naming what comes nearest.
    """
    rows = heads(path)
    if not any(rows):
        raise DeliveryError("empty_file", f"{path.name} 里没有内容，连表头也没有。请重新导出。")
    fits = {
        name: max((_fit(contract, row, path.name) for row in rows), default=(False, 0.0))
        for name, contract in contracts.items()
    }
    best, *others = sorted(fits, key=lambda name: fits[name], reverse=True)
    whole, fit = fits[best]
    rival_whole, rival = fits[others[0]] if others else (False, 0.0)
    doubtful = whole == rival_whole and fit - rival < CLEAR_LEAD
    if fit < (LEAST_FIT if not whole else LEAST_FIT / 2) or doubtful:
        near = [name for name in [best, *others][:3] if fits[name][1] > 0]
        listed = "、".join(f"{name}（{contracts[name].title}）" for name in near)
        nearest = f"最接近的是 {listed}" if near else "没有一列符合任何目录"
        raise DeliveryError(
            "unknown_dataset",
            f"从表头看不出 {path.name} 是哪个数据集，{nearest}。请核对表头（列名）是否与目录一致"
            "（文本文件的第一行应是表头，上面不要有标题），或用 --dataset 指明。",
        )
    contract = contracts[best]
    found = max(contract.headers.fit(row) for row in rows)
    return best, f"表头有“{contract.title}”目录 {len(contract.columns)} 列中的 {found} 列"


def _fit(contract: Contract, row: list[str], name: str) -> tuple[bool, float]:
    """Whether every required column is in a row of cells, and how alike the two are (0 to 1)."""
    found = set()
    for cell in row:
        with contextlib.suppress(DeliveryError):  # a unit that is wrong is said later
            found.add(contract.headers.match(cell))
    found.discard(None)
    required = {column.name for column in contract.columns if column.required}
    all_cells = len([cell for cell in row if cell.strip()]) + len(contract.columns) - len(found)
    said = CLEAR_LEAD if contract.name in name or contract.title in name else 0.0
    return bool(found) and found >= required, len(found) / (all_cells or 1) + said


def provider_of(
    path: Path, contract: Contract, source: Source | None, known: pl.DataFrame, regions: set[str]
) -> tuple[str, str] | None:
    """(provider, why), None where nothing tells.

    Args:
        known: the dataset's committed batches.
        regions: counties (six digits) in the file's column of regions.
    """
    codes = {found[1] for found in _REGION.finditer(path.name) if _is_region(found[1])}
    if len(codes) == 1:
        return codes.pop(), "文件名中的区划代码"
    if source is not None and source.provider is not None:
        return source.provider, "设置中的报送单位"
    before = known["provider"].unique().to_list()
    if contract.granularity == "county" and len(regions) == 1 and not codes:
        return regions.pop(), "数据中的区划代码都属于这个县（市、区）"
    if len(before) == 1:
        return str(before[0]), "以往只有它报送过"
    if contract.granularity == "province":
        return contract.provider, "目录中的责任部门"
    return None


def _is_region(code: str) -> bool:
    return int(code) in identifiers.area_codes()


def period_of(path: Path) -> tuple[str, str] | None:
    """(period, why), None where the name does not tell."""
    found = month_in(path.name)
    return (found, "文件名中的年月") if found else None


def mode_of(contract: Contract, known: pl.DataFrame, provider: str) -> tuple[str, str]:
    """(mode, why): as this provider did before, else an increment, which takes nothing away."""
    before = known.filter(pl.col("provider") == provider).sort("delivered_at")
    if before.height:
        return str(before["mode"][-1]), "与上一批相同"
    return "increment", "第一次报送，按增量处理，不覆盖别的数据"


def counties_in(contract: Contract, frame: pl.DataFrame) -> set[str]:
    """The first six digits of the region codes in a frame under delivered headers."""
    names = contract.headers.mapping(frame.columns)
    columns = [header for header, name in names.items() if name == "region_code"]
    if not columns:
        return set()
    codes = parsing.tidy(frame[columns[0]]).str.slice(0, 6)
    return set(codes.filter(codes.str.contains(r"^\d{6}$")).unique().to_list())
