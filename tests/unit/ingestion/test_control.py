"""Control records: as a clerk or a program writes them, and what is said when they are wrong."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingestion.control import Control, parse_control
from ingestion.errors import DeliveryError
from yinling.clock import this_second

RECORD: dict[str, Any] = {
    "provider": "440203",
    "dataset": "facility",
    "period": "2026-09",
    "mode": "full",
    "sequence": 1,
    "row_count": 20,
    "control_sums": {"beds_total": 12.10},
    "delivered_at": "2026-10-08T09:30:00",
    "legal_basis": "政务数据共享条例",
}


def written(**other: Any) -> bytes:
    return json.dumps(RECORD | other, ensure_ascii=False).encode()


def refusal(text: bytes) -> str:
    with pytest.raises(DeliveryError) as found:
        parse_control(text, "a.control.json", "facility")
    assert found.value.code == "bad_control"
    return str(found.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_as_an_editor_saves_it(encoding: str) -> None:
    control = parse_control(written().decode().encode(encoding), "a", "facility")
    assert control.legal_basis == "政务数据共享条例"
    assert control.delivered_at == datetime(2026, 10, 8, 9, 30)
    assert control.control_sums == {"beds_total": Decimal("12.1")}


def test_sums_are_read_as_written() -> None:
    text = written().replace(b"12.1}", b"12345678901234567890.10}")
    sums = parse_control(text, "a", "facility").control_sums
    assert str(sums["beds_total"]) == "12345678901234567890.10"


def test_a_hash_in_capitals_is_the_same_hash() -> None:
    assert parse_control(written(sha256="AB" * 32), "a", "facility").sha256 == "ab" * 32


def test_a_moment_with_a_zone_is_told_in_shanghai() -> None:
    text = written(delivered_at="2026-10-08T01:30:00Z")
    assert parse_control(text, "a", "facility").delivered_at == datetime(2026, 10, 8, 9, 30)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"provider": "韶关"}, "“provider”有误：应为区划代码或单位代号"),
        ({"provider": "4402/03"}, "“provider”有误：应为区划代码或单位代号"),
        ({"period": "2026-13"}, "“period”有误：应为实有的年、月或日"),
        ({"mode": "half"}, "“mode”有误：只能填 'full'、'increment'"),
        ({"sequence": -1}, "“sequence”有误：不能小于 0"),
        ({"sequence": 10**30}, "“sequence”有误：太大"),
        ({"sequence": 1.5}, "“sequence”有误：应为整数"),
        ({"row_count": "二十"}, "“row_count”有误：应为整数"),
        ({"row_count": None}, "“row_count”有误：应为整数"),
        ({"control_sums": [1]}, "“control_sums”有误：应为一组"),
        ({"control_sums": {"beds_total": "12元"}}, "“control_sums.beds_total”有误：应为数字"),
        ({"control_sums": {"beds_total": "1e999999"}}, "“control_sums.beds_total”有误：应为数字"),
        ({"control_sums": {"beds_total": float("nan")}}, "“control_sums.beds_total”有误：应为数字"),
        ({"sha256": "0" * 63}, "“sha256”有误：应为文件的 SHA-256 摘要"),
        ({"sha256": "g" * 64}, "“sha256”有误：应为文件的 SHA-256 摘要"),
        ({"delivered_at": 20261008}, "“delivered_at”有误：应为日期和时间"),
        ({"delivered_at": "2026-02-30T09:00:00"}, "“delivered_at”有误：应为日期和时间"),
        ({"encoding": "gbk"}, "“encoding”有误：只能填 'utf-8'、'gb18030'"),
        ({"legal_basis": []}, "“legal_basis”有误：应为带引号的文字"),
        ({"rows": 20}, "“rows”有误：不是控制记录的项目"),
        ({"dataset": "facility_stay"}, "写的数据集是 facility_stay，应为 facility"),
    ],
)
def test_what_is_wrong_is_said_in_chinese(other: dict[str, Any], says: str) -> None:
    said = refusal(written(**other))
    assert says in said
    names = {*RECORD, "a.control.json", "facility", "facility_stay", *other}
    words = set(re.findall(r"[A-Za-z][\w.]{3,}", said))
    assert words <= names | {"full", "increment", "control_sums.beds_total", "gb18030"}


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"null", b"[]", b"20", written() + b"x", b"\xff\xff\xff", b"[" * 100_000,
        b"PK\x03\x04",
    ],
)  # fmt: skip
def test_what_is_no_record_at_all(text: bytes) -> None:
    assert re.search("不是完整的 JSON 文本|应为一个 JSON 对象", refusal(text))


def test_a_key_that_is_missing_or_there_twice() -> None:
    without = {key: value for key, value in RECORD.items() if key != "row_count"}
    assert "“row_count”有误：没有填写" in refusal(json.dumps(without).encode())
    twice = written().replace(b'"row_count": 20', b'"row_count": 20, "row_count": 21')
    assert "“row_count”写了两次，请只留一个" in refusal(twice)


@pytest.mark.parametrize(
    ("ahead", "sound"), [(timedelta(hours=20), True), (timedelta(days=2), False)]
)
def test_a_moment_that_has_not_come(ahead: timedelta, sound: bool) -> None:
    at = this_second() + ahead
    control = Control.model_validate(RECORD | {"delivered_at": at})
    if sound:
        control.refuse_future("a")
    else:
        with pytest.raises(DeliveryError, match=f"写的是 {at}，还没有到"):
            control.refuse_future("a")
