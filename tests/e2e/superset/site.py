"""A whole Superset on a made-up release, and its users as programs and as people see it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import httpx
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv-superset" / "bin" / "python"
CHROMIUM = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--lang=zh-CN",
]


def run(home: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of Superset's commands in its own environment, for this home."""
    return subprocess.run(
        [str(PYTHON), "-m", f"superset_assets.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, "YINLING_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@dataclass(frozen=True)
class Site:
    """A running Superset: its home and address."""

    home: Path
    address: str

    @property
    def passwords(self) -> dict[str, str]:
        rows = json.loads((self.home / "superset" / "demo-logins.json").read_text("utf-8"))
        return {row["username"]: row["password"] for row in rows}

    def query(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        """What DuckDB itself says about the current release."""
        file = (self.home / "releases" / "current").resolve() / f"{database}.duckdb"
        with duckdb.connect(str(file), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def api(self, username: str, password: str | None = None) -> Iterator[httpx.Client]:
        """A program that has logged in."""
        with httpx.Client(base_url=self.address, timeout=60) as client:
            answer = client.post(
                "/api/v1/security/login",
                json={
                    "username": username,
                    "password": password or self.passwords[username],
                    "provider": "db",
                    "refresh": False,
                },
            )
            answer.raise_for_status()
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client

    def dataset_ids(self) -> dict[str, int]:
        """Every dataset by name, as the engineer sees them."""
        with self.api("engineer") as engineer:
            answer = engineer.get("/api/v1/dataset/", params={"q": "(page_size:100)"})
        return {row["table_name"]: row["id"] for row in answer.json()["result"]}


def rows(
    client: httpx.Client, dataset: int, columns: list[str], **query: Any
) -> tuple[int, list[dict[str, Any]]]:
    """Rows of a dataset through the chart data API: HTTP status and rows."""
    answer = client.post(
        "/api/v1/chart/data",
        json={
            "datasource": {"id": dataset, "type": "table"},
            "queries": [{"columns": columns, "row_limit": 50_000, **query}],
            "result_format": "json",
            "result_type": "full",
        },
    )
    if answer.status_code != 200:
        return answer.status_code, []
    return 200, answer.json()["result"][0]["data"]


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


@contextmanager
def person(site: Site, browser: Browser, username: str) -> Iterator[tuple[Page, list[str]]]:
    """A person who has logged in through the page; every address the browser asked for."""
    context = browser.new_context(viewport={"width": 1440, "height": 3200}, locale="zh-CN")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site.address}/login/")
    page.fill("input#username", username)
    page.fill("input[type=password]", site.passwords[username])
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url, wait_until="commit", timeout=60_000)
    yield page, asked
    context.close()


def strangers(site: Site, asked: list[str]) -> list[str]:
    """Addresses that are not this server's own."""
    return [url for url in asked if not url.startswith((site.address, "data:", "blob:"))]
