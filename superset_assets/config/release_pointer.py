"""Which release a query reads, and how long its result may be kept: until the next release."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Flask, g, has_request_context
from flask_caching.backends.filesystemcache import FileSystemCache
from sqlalchemy.engine import URL, make_url
from superset.exceptions import SupersetException


class NoReleaseError(SupersetException):  # type: ignore[misc]
    """Nothing has been published yet, so there is nothing to show."""

    status = 503


def current_release() -> Path:
    """Folder of the release that is current, the pointer resolved once a request.

    DuckDB keeps one instance a path in a process: opening the file through the pointer would go
    on serving the old release after the switch, opening the resolved path does not. One answer
    for the whole request keeps a result that was read before a switch out of the next release's
    cache.

    Raises:
        NoReleaseError: no release has been published.
    """
    if has_request_context() and "yinling_release" in g:
        return Path(g.yinling_release)
    pointer = Path(os.environ["YINLING_HOME"]) / "releases" / "current"
    if not pointer.exists():
        raise NoReleaseError("尚未发布任何批次，请先运行 yinling publish 再刷新本页。")
    release = pointer.resolve()
    if has_request_context():
        g.yinling_release = release
    return release


def to_current_release(
    uri: str | URL, params: dict[str, Any], *_: Any
) -> tuple[str | URL, dict[str, Any]]:
    """DB_CONNECTION_MUTATOR: `duckdb:///officials` becomes the current release's officials.duckdb.

    Raises:
        NoReleaseError: no release has been published.
    """
    url = make_url(uri)
    if url.drivername != "duckdb":
        return uri, params
    file = current_release() / f"{Path(url.database or '').stem}.duckdb"
    return url.set(database=str(file)), params


class ReleaseCache(FileSystemCache):  # type: ignore[misc]
    """Query results, filed under the release they came from: a new release starts empty."""

    @classmethod
    def factory(
        cls, _app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> ReleaseCache:
        args.insert(0, config["CACHE_DIR"])
        kwargs["threshold"] = config["CACHE_THRESHOLD"]
        return cls(*args, **kwargs)

    def _get_filename(self, key: str) -> str:
        try:
            release = current_release().name
        except NoReleaseError:
            release = "none"
        # The cache's own row counter is not a result and stays in one place.
        own = key if key == self._fs_count_file else f"{release}:{key}"
        return str(super()._get_filename(own))
