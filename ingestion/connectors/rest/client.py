"""One conversation with a service: who asks, how often, how long to wait, what an answer is."""

from __future__ import annotations

import email.utils
import html
import json
import re
import time
from collections.abc import Mapping
from typing import Any, Self

import httpx

from ingestion.connectors.rest.signing import Signer
from ingestion.errors import SourceError
from ingestion.readers.objects import RepeatedNameError, distinct
from yinling.settings import Source, secret

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 300.0
LARGEST_ANSWER = 256 << 20
TIMEOUT_SECONDS = 60.0
CLOCK_SECONDS = 120
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class _PassingError(Exception):
    """A trouble that may be over in a moment; `after` is how long the service wants to rest."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class Client:
    """Asks, politely and again, and returns only what is a JSON object.

    Attributes:
        asked: number of requests sent.
    """

    def __init__(self, source: Source, dataset: str) -> None:
        self.source, self.dataset, self.asked = source, dataset, 0
        self._headers: dict[str, str] = {}
        if source.token_env is not None:
            self._headers["Authorization"] = f"Bearer {self._word(source.token_env)}"
        self._signer: Signer | None = None
        if source.sign is not None:
            if source.key_id_env is None or source.key_secret_env is None:
                raise SourceError(
                    f"sources.{dataset}: `sign` needs `key_id_env` and `key_secret_env`, the names"
                    " of the variables with the key's id and secret."
                )
            key_id, key = self._word(source.key_id_env), secret(source.key_secret_env)
            self._signer = Signer(source.sign, key_id, key)
        self._http = httpx.Client(timeout=TIMEOUT_SECONDS)
        self._gap = 1 / source.requests_per_second if source.requests_per_second else 0.0
        self._next = 0.0

    def _word(self, variable: str) -> str:
        """A secret that travels in a header; it is never shown, not even when it is wrong."""
        word = secret(variable).strip()
        if not (word.isascii() and word.isprintable()):
            raise SourceError(
                f"sources.{self.dataset}: {variable} has characters that no header can carry (a"
                " line break, Chinese?). Set it again."
            )
        return word

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def fail(self, what: str) -> SourceError:
        """The error that says what the service did."""
        return SourceError(
            f"sources.{self.dataset}: {self.source.url} {what}. Nothing was loaded;"
            " the next run starts from the same place."
        )

    def ask(
        self, values: Mapping[str, str | int], headers: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """One answer, after as many attempts as needed, as a JSON object and as it came.

        Raises:
            SourceError: refused, no answer, or no JSON object.
        """
        wait = FIRST_WAIT_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(values, headers or {})
            except _PassingError as trouble:
                rest = trouble.after if trouble.after is not None else wait
                if rest > LONGEST_WAIT_SECONDS:
                    raise self.fail(
                        f"{trouble} and asks to wait {rest:.0f} seconds; start again after that"
                    ) from trouble
                if attempt == ATTEMPTS:
                    raise self.fail(f"{trouble} {ATTEMPTS} times") from trouble
                time.sleep(rest)
                wait *= 2
        raise AssertionError("unreachable")

    def _once(
        self, values: Mapping[str, str | int], headers: Mapping[str, str]
    ) -> tuple[dict[str, Any], bytes]:
        given = {"params": dict(values)} if self.source.method == "GET" else {"json": dict(values)}
        try:
            request = self._http.build_request(
                self.source.method,
                str(self.source.url),
                headers={**self._headers, **headers},
                **given,  # type: ignore[arg-type]
            )
        except httpx.InvalidURL as error:
            raise self.fail(f"is no address ({error}); correct `url`") from error
        if self._signer is not None:
            sealed = self._signer.headers(request.method, str(request.url), request.read())
            request.headers.update(sealed)
        self._pace()
        self.asked += 1
        try:
            answer = self._http.send(request, stream=True)
            try:
                content = self._content(answer)
            finally:
                answer.close()
        except httpx.RemoteProtocolError as error:
            raise _PassingError("broke off in the middle of an answer") from error
        except httpx.DecodingError as error:
            raise _PassingError("sent an answer that cannot be unpacked") from error
        except httpx.UnsupportedProtocol as error:
            raise self.fail("is no address; `url` begins with https:// or http://") from error
        except httpx.TransportError as error:
            why = str(error).strip() or type(error).__name__
            raise _PassingError(f"did not answer ({why})") from error
        self._judge(answer)
        return self._parse(answer, content), content

    def _pace(self) -> None:
        """Wait for the next moment at which the rate limit lets us ask."""
        now = time.monotonic()
        if self._next > now:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._gap

    def _content(self, answer: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER:
                limit = LARGEST_ANSWER >> 20
                raise self.fail(f"sent an answer of more than {limit} MiB; lower `page_size`")
        return b"".join(parts)

    def _judge(self, answer: httpx.Response) -> None:
        """Say what a status other than 200 means."""
        status = answer.status_code
        if status in _PASSING:
            raise _PassingError(f"answered {status}", _rest_wanted(answer))
        if status == 401:
            names = [
                name for name in (self.source.token_env, self.source.key_id_env) if name is not None
            ]
            check = f"check {' and '.join(names)}" if names else "set `token_env` or `sign`"
            raise self.fail(f"refused the credentials (401); {check}{self._clock(answer)}")
        if status == 403:
            raise self.fail(
                "knows the account but does not let it read this (403); ask the department to open"
                f" `{self.dataset}` for it"
            )
        if 300 <= status < 400:
            # Without its query: that may repeat what was asked, and so a person's number.
            target = answer.headers.get("location", "elsewhere").partition("?")[0]
            raise self.fail(f"sends the hub on to {target} ({status}); correct `url`")
        if status != 200:
            raise self.fail(f"answered {status}; check `url` and the service's manual")

    def _clock(self, answer: httpx.Response) -> str:
        """Signatures age: a clock that is wrong looks like a wrong key."""
        sent = email.utils.parsedate_tz(answer.headers.get("date", ""))
        if self._signer is None or sent is None:
            return ""
        apart = time.time() - email.utils.mktime_tz(sent)
        if abs(apart) < CLOCK_SECONDS:
            return ""
        return f"; this machine's clock is {apart:+.0f} seconds off the service's"

    def _parse(self, answer: httpx.Response, content: bytes) -> dict[str, Any]:
        try:
            # 0.10 stays as it was written.
            page = json.loads(content, parse_float=str, object_pairs_hook=distinct)
        except RepeatedNameError as error:
            raise self.fail(
                f"sent an object with the name `{error}` twice: one of the two values would be"
                " lost; ask the department to say each name once"
            ) from error
        except ValueError as error:
            start = content[:2_000].decode("utf-8", "replace").lstrip().lower()
            if start.startswith(("<!doctype", "<html", "<")):
                found = re.search(r"<title[^>]*>(.*?)</title>", start, re.DOTALL)
                title = f" “{html.unescape(found[1]).strip()[:60]}”" if found else ""
                raise self.fail(
                    f"answered a web page{title} instead of data: a login page or a gateway stands"
                    " before the service; check `url`"
                ) from error
            if start.startswith(("{", "[")):
                raise _PassingError(
                    f"sent half a page (JSON ends after {len(content)} bytes)"
                ) from error
            kind = answer.headers.get("content-type", "no content type")
            raise self.fail(f"answered something that is no JSON ({kind})") from error
        if not isinstance(page, dict):
            raise self.fail("answered JSON that is no object")
        return page


def _rest_wanted(answer: httpx.Response) -> float | None:
    """Seconds of `Retry-After`, which is a number or a date (RFC 9110, 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    moment = email.utils.parsedate_tz(text)
    return max(0.0, email.utils.mktime_tz(moment) - time.time()) if moment else None
