"""The control record of a delivery: what its provider says that it is, in a JSON file beside it."""

from __future__ import annotations

import contextlib
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from ingestion.delivery import wall_clock
from ingestion.errors import DeliveryError
from ingestion.readers.objects import RepeatedNameError, exact_json
from yinling.clock import this_second

Mode = Literal["full", "increment"]
CLOCKS_DIFFER = timedelta(days=1)
# By the kind of pydantic's error, the longest beginning that fits; all of them in plain words.
_FAULTS = {
    "missing": "没有填写",
    "extra_forbidden": "不是控制记录的项目，请核对名称或删去",
    "literal_error": "只能填 {expected}",
    "string": "应为带引号的文字",
    "int": "应为整数",
    "greater_than": "不能小于 {ge}",
    "less_than": "太大，不能超过 {le}",
    "decimal": "应为数字，最多 38 位",
    "finite_number": "应为数字",
    "datetime": "应为日期和时间，如 2026-10-08T09:30:00",
    "dict": "应为一组“列名: 合计”",
    "value_error": "{error}",
}


def real_period(text: str) -> str:
    """A year, month or day that exists, as YYYY, YYYY-MM or YYYY-MM-DD.

    Raises:
        ValueError: it is none.
    """
    if re.fullmatch(r"\d{4}(-\d{2}){0,2}", text):
        with contextlib.suppress(ValueError):
            date.fromisoformat((text + "-01-01")[:10])
            return text
    raise ValueError("应为实有的年、月或日，如 2026、2026-09、2026-09-30")


def known_as(text: str) -> str:
    """A division's code or a department's short name: it becomes part of file names.

    Raises:
        ValueError: it has other signs than letters, digits, - and _, or more than 40.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", text):
        raise ValueError("应为区划代码或单位代号，只用字母、数字、“-”和“_”")
    return text


def digest(text: str) -> str:
    """A SHA-256 in lower case, whatever the tool that found it prefers.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        raise ValueError("应为文件的 SHA-256 摘要（64 位十六进制）")
    return text.lower()


def dated(value: Any) -> Any:
    """Refuses what would be read as seconds since 1970 (20261008).

    Raises:
        ValueError: it does not begin with a day.
    """
    if isinstance(value, str) and not re.match(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError(_FAULTS["datetime"])
    return value


def has_not_come(moment: datetime) -> bool:
    """Whether nobody can deliver at the moment yet; such rows would outrank later corrections."""
    return moment > this_second() + CLOCKS_DIFFER


class Control(BaseModel):
    """The control record of a delivery, as the provider signs it."""

    model_config = ConfigDict(extra="forbid")

    provider: Annotated[str, AfterValidator(known_as)]
    dataset: str
    period: Annotated[str, AfterValidator(real_period)]
    mode: Mode
    sequence: int = Field(ge=0, le=999_999_999)
    row_count: int = Field(ge=0, le=10**12)
    control_sums: dict[str, Annotated[Decimal, Field(max_digits=38)]] = {}
    sha256: Annotated[str, AfterValidator(digest)] | None = None
    delivered_at: Annotated[datetime, BeforeValidator(dated), AfterValidator(wall_clock)]
    legal_basis: str | None = None
    encoding: Literal["utf-8", "gb18030"] | None = None  # where it is another than agreed

    def refuse_future(self, place: str) -> None:
        """Refuses a delivery from a coming day.

        Raises:
            DeliveryError: `bad_control`.
        """
        if has_not_come(self.delivered_at):
            raise DeliveryError(
                "bad_control",
                f"{place}：控制记录的报送时间“delivered_at”写的是 {self.delivered_at}，还没有到。"
                "请更正后重新报送。",
            )


def parse_control(text: bytes, place: str, dataset: str) -> Control:
    """The control record, as UTF-8 (a byte order mark does no harm) or GB18030.

    Raises:
        DeliveryError: `bad_control`, naming the key at fault.
    """
    try:
        control = Control.model_validate(exact_json(_decoded(text)))
    except ValidationError as error:
        raise _bad(place, _fault(error)) from error
    except RepeatedNameError as error:
        raise _bad(place, f"“{error}”写了两次，请只留一个") from error
    except (ValueError, RecursionError) as error:
        raise _bad(place, "不是完整的 JSON 文本") from error
    if control.dataset != dataset:
        raise DeliveryError(
            "bad_control", f"{place}：控制记录写的数据集是 {control.dataset}，应为 {dataset}。"
        )
    return control


def _decoded(text: bytes) -> str:
    """As a clerk's editor saved it."""
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text.decode("gb18030")


def _bad(place: str, why: str) -> DeliveryError:
    return DeliveryError("bad_control", f"{place}：控制记录{why}。请更正后重新报送。")


def _fault(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    if not first["loc"]:
        return "应为一个 JSON 对象（以“{”开头）"
    where = ".".join(str(part) for part in first["loc"])
    fits = [kind for kind in _FAULTS if first["type"].startswith(kind)]
    words = _FAULTS[max(fits, key=len)] if fits else "内容不合要求"
    told = {name: str(value).replace(" or ", "、") for name, value in first.get("ctx", {}).items()}
    return f"的“{where}”有误：{words.format_map(told)}"
