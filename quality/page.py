"""The gates' own page: Chinese, one file, nothing from outside, from the history alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from ingestion.contracts import load_contracts
from quality import history
from quality.model import STATUS_ORDER, Outcome, Status, worst
from yinling.clock import now
from yinling.settings import Settings

TITLES = {
    "landing": ("第一道：落地后", "各部门交付的批次是否符合数据合同"),
    "warehouse": ("第二道：建仓后", "数仓各表的粒度、关联和跨源对账"),
    "release": ("第三道：发布前", "待发布文件的指标合理性、个人信息和小数隐去"),
}
# Symbol and word always stand together: colour alone says nothing to a reader who cannot see it.
STATUS = {
    "error": ("✖", "出错"),
    "na": ("○", "无数据"),
    "fail": ("▲", "不通过"),
    "pass": ("●", "通过"),
}
STATE = {"new": "新出现", "persisting": "持续", "resolved": "已消除", "ok": ""}
SEVERITY = {"stop": "阻断", "warn": "提醒"}
TREND = 20


@dataclass(frozen=True)
class Line:
    """One check on the page."""

    outcome: Outcome
    sparkline: str
    sample: list[dict[str, Any]]

    @property
    def share(self) -> str:
        """Failing share, with as many digits as it takes not to show 0 for something."""
        o = self.outcome
        if not o.denominator:
            return "—"
        value = o.numerator / o.denominator
        return "0" if not o.numerator else f"{value:.2%}" if value >= 0.0001 else "<0.01%"


@dataclass(frozen=True)
class GateView:
    """One gate on the page."""

    name: str
    title: str
    subtitle: str
    run_at: datetime
    lines: list[Line]
    runs: int

    @property
    def closed(self) -> bool:
        return any(line.outcome.stops for line in self.lines)

    @property
    def problems(self) -> list[Line]:
        """What wants a look, stops first, then the new ones."""
        bad = [line for line in self.lines if line.outcome.bad]
        rank = {"stop": 0, "warn": 1}
        return sorted(bad, key=lambda x: (rank[x.outcome.severity], x.outcome.state != "new"))

    @property
    def resolved(self) -> list[Line]:
        return [line for line in self.lines if line.outcome.state == "resolved"]

    def count(self, status: str) -> int:
        return sum(line.outcome.status == status for line in self.lines)

    def state_count(self, state: str) -> int:
        return sum(line.outcome.state == state for line in self.lines)

    @property
    def scopes(self) -> list[tuple[str, Status, list[Line]]]:
        """Checks by what they speak about, the worst first."""
        grouped: dict[str, list[Line]] = {}
        for line in self.lines:
            grouped.setdefault(line.outcome.scope, []).append(line)
        rows = [
            (scope, worst(line.outcome.status for line in lines), lines)
            for scope, lines in grouped.items()
        ]
        return sorted(rows, key=lambda row: (STATUS_ORDER.index(row[1]), row[0]))


def sparkline(shares: list[float | None], width: int = 96, height: int = 18) -> str:
    """An inline SVG of failing shares over the last runs, oldest left; None leaves a gap."""
    points = [(i, share) for i, share in enumerate(shares) if share is not None]
    if not points:
        return ""
    top = max(max(share for _, share in points), 1e-9)
    step = width / max(len(shares), TREND)
    bars = "".join(
        f'<rect x="{i * step:.1f}" width="{max(step - 1.5, 1):.1f}" '
        f'y="{height - (h := 1.5 + (height - 2) * (share / top if share else 0)):.1f}" '
        f'height="{h:.1f}" class="{"bad" if share else "good"}"/>'
        for i, share in points
    )
    return (
        f'<svg class="spark" width="{width}" height="{height}" role="img" '
        f'aria-label="最近{len(shares)}次不符比例">{bars}</svg>'
    )


def _trends(frame: pl.DataFrame) -> dict[str, list[float | None]]:
    runs = frame.get_column("run_at").unique().sort().tail(TREND)
    share = (
        pl.when(pl.col("status").is_in(["na", "error"]) | (pl.col("denominator") == 0))
        .then(None)
        .otherwise(pl.col("numerator") / pl.col("denominator"))
    )
    wide = (
        frame.filter(pl.col("run_at").is_in(runs.to_list()))
        .sort("run_at")
        .group_by("check_id", maintain_order=True)
        .agg(share.alias("share"))
    )
    return dict(wide.iter_rows())


def _view(settings: Settings, gate: str) -> GateView | None:
    frame = history.read(settings.quality, gate)
    if frame.is_empty():
        return None
    trends = _trends(frame)
    newest = history.latest(settings.quality, gate)
    lines = [
        Line(outcome, sparkline(trends.get(check_id, [])), json.loads(outcome.sample))
        for check_id, outcome in sorted(newest.items())
    ]
    title, subtitle = TITLES[gate]
    run_at: datetime = frame.get_column("run_at").max()  # type: ignore[assignment]
    return GateView(gate, title, subtitle, run_at, lines, frame.get_column("run_id").n_unique())


def render(settings: Settings) -> Path:
    """Write `quality/index.html` from the history; the file appears by one rename."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    gates = [view for name in TITLES if (view := _view(settings, name)) is not None]
    titles = {name: contract.title for name, contract in load_contracts(settings.contracts).items()}
    text = environment.get_template("index.html.j2").render(
        names=titles,
        gates=gates,
        synthetic=settings.synthetic,
        made_at=now(),
        STATUS=STATUS,
        STATE=STATE,
        SEVERITY=SEVERITY,
        keep=history.KEEP_RUNS,
    )
    page = settings.quality / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    part = page.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.replace(page)
    return page
