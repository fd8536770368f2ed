"""A department's SFTP account: a folder like any other, at the other end of an SSH connection.

The server must show the host key that stands in `known_hosts` of the home folder, before any
password or signature is sent. Files are left where they are (a read-only account is enough); what
breaks off is fetched from there on by the next run.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import paramiko
import polars as pl

from ingestion.connectors.host_keys import (
    CONNECT_SECONDS,
    fingerprint,
    known_keys,
    plain_errors,
)
from ingestion.connectors.inbox import Inbox
from ingestion.connectors.listing import Candidate, Entry, candidates, news, settled
from ingestion.contracts import Contract
from ingestion.delivery import Deliveries
from ingestion.errors import SourceError
from yinling.settings import Settings, Source, secret

READ_SECONDS = 60
PIECE = 32_768
WINDOW = 8 << 20  # bytes under way at once


def sftp_deliveries(
    settings: Settings, source: Source, contract: Contract, known: pl.DataFrame
) -> Deliveries:
    """Every complete delivery in the remote folder, fetched one after the other.

    Raises:
        SourceError: the server cannot be reached, shows another host key, or refuses.
        SettingsError: the password's or key's variable is not set.
    """
    incoming = settings.landing / contract.name / ".incoming"
    incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    inbox = Inbox(settings, source, contract, known, os.link)
    with connected(settings, source, contract.name) as remote:
        listing = remote.listing()
        new = news(settings, contract, known, candidates(listing, source))
        ready = settled(new, remote.listing, source.settle_seconds)
        _tidy(incoming, ready)
        controls = {
            c.file.name: remote.fetch(c.control, incoming) for c in ready if c.control is not None
        }
        for candidate in ready:
            file = incoming / candidate.file.name
            control = controls.get(candidate.file.name)
            changed = candidate.control is not None and control is None
            if candidate.file.size >= 0 and not changed:
                changed = remote.fetch(candidate.file, incoming) is None
            if not changed:  # what changed while it was being read waits
                yield inbox.delivery(file, control, candidate)


def _tidy(incoming: Path, ready: list[Candidate]) -> None:
    """Keep only what this run needs of what earlier runs fetched."""
    wanted = {entry.name: entry for c in ready for entry in (c.file, c.control) if entry}
    parts = {_part(entry) for entry in wanted.values()}
    for path in incoming.iterdir():
        entry = wanted.get(path.name)
        if path.name not in parts and not (entry is not None and _is(path, entry)):
            path.unlink()


def _part(entry: Entry) -> str:
    """The name of an unfinished copy: of a file that has changed since, it is another one."""
    name = hashlib.sha256(entry.name.encode()).hexdigest()[:16]  # long names leave no room
    return f".{name}-{entry.size}-{entry.mtime_ns}.part"


def _is(path: Path, entry: Entry) -> bool:
    found = path.stat()
    return (found.st_size, found.st_mtime_ns) == (entry.size, entry.mtime_ns)


@dataclass
class Remote:
    """The remote folder."""

    client: paramiko.SFTPClient
    folder: PurePosixPath
    dataset: str

    def listing(self) -> list[Entry]:
        """The folder's files; names that are no plain file names are passed over."""
        with plain_errors(self.dataset, f"{self.folder} cannot be listed"):
            try:
                found = self.client.listdir_attr(str(self.folder))
            except UnicodeDecodeError as error:
                raise SourceError(
                    f"sources.{self.dataset}: {self.folder} has a file whose name is not UTF-8"
                    f" ({error.object!r}). Ask the department to rename it."
                ) from error
            return [
                _entry(attributes)
                for attributes in found
                if stat.S_ISREG(attributes.st_mode or 0)
                and not {"/", "\0"}.intersection(attributes.filename)
            ]

    def fetch(self, entry: Entry, incoming: Path) -> Path | None:
        """A local copy with the remote file's time; None when the file changed meanwhile."""
        final, part = incoming / entry.name, incoming / _part(entry)
        if final.exists() and _is(final, entry):
            return final
        place = str(self.folder / entry.name)
        with plain_errors(self.dataset, f"reading {place} broke off; what arrived is kept"):
            with part.open("ab") as target, self.client.open(place, "rb") as file:
                os.fchmod(target.fileno(), 0o600)
                while (start := target.tell()) < entry.size:
                    end = min(start + WINDOW, entry.size)
                    pieces = [(at, min(PIECE, end - at)) for at in range(start, end, PIECE)]
                    for data in file.readv(pieces):
                        target.write(data)
                    target.flush()
                    if target.tell() < end:  # shorter than the listing said
                        break
            now = _entry(self.client.stat(place), entry.name)
        if now != entry or part.stat().st_size != entry.size:
            part.unlink()
            return None
        os.utime(part, ns=(entry.mtime_ns, entry.mtime_ns))
        return part.rename(final)


def _entry(attributes: paramiko.SFTPAttributes, name: str | None = None) -> Entry:
    seconds = int(attributes.st_mtime or 0)
    size = int(attributes.st_size or 0)
    return Entry(name or attributes.filename, size, seconds * 1_000_000_000)


class _NeverAccept(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """A server that nobody has checked is not talked to."""

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset

    def missing_host_key(self, client: object, hostname: str, key: paramiko.PKey) -> None:
        raise SourceError(
            f"sources.{self._dataset}: the key of {hostname} is not known yet; it shows"
            f" {key.get_name()} {fingerprint(key)}. Nothing was sent. Compare it with what the"
            f" department says (by telephone, not by the same line), then: yinling sftp-key"
            f" {self._dataset} --pin {fingerprint(key)}"
        )


@contextmanager
def _quiet_readers() -> Iterator[None]:
    """The library asks ahead in threads of its own: what ends them, the reader is told as well."""
    usual = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if "_prefetch_thread" not in (arguments.thread.name if arguments.thread else ""):
            usual(arguments)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = usual


@contextmanager
def connected(settings: Settings, source: Source, dataset: str) -> Iterator[Remote]:
    """The remote folder, on a server whose key is known.

    Raises:
        SourceError: no settings, no connection, another host key, or refused.
    """
    if source.host is None or source.user is None or source.path is None:
        raise SourceError(f"sources.{dataset}: set `host`, `user` and `path`.")
    if source.key_file_env is None and source.password_env is None:
        raise SourceError(f"sources.{dataset}: set `key_file_env` or `password_env`.")
    with _quiet_readers(), paramiko.SSHClient() as client:
        for name, keys in known_keys(settings).items():
            for key in keys.values():
                client.get_host_keys().add(name, key.get_name(), key)
        client.set_missing_host_key_policy(_NeverAccept(dataset))
        _connect(client, source, dataset)
        with plain_errors(dataset, f"{source.host} offers no SFTP"):
            sftp = client.open_sftp()
            sftp.get_channel().settimeout(READ_SECONDS)
        yield Remote(sftp, PurePosixPath(source.path), dataset)


def _connect(client: paramiko.SSHClient, source: Source, dataset: str) -> None:
    place = f"{source.host}:{source.port}"
    password = secret(source.password_env) if source.password_env else None
    key = _private_key(source, dataset, password) if source.key_file_env else None
    try:
        client.connect(
            str(source.host),
            port=source.port,
            username=str(source.user),
            password=None if key else password,
            pkey=key,
            allow_agent=False,
            look_for_keys=False,
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=CONNECT_SECONDS,
        )
    except paramiko.BadHostKeyException as error:
        raise SourceError(
            f"sources.{dataset}: {place} shows another host key than the one that was pinned:"
            f" {fingerprint(error.key)} instead of {fingerprint(error.expected_key)}. Nothing was"
            " sent. Either the department changed its server or somebody stands between: ask by"
            f" telephone. Only if they confirm: yinling sftp-key {dataset} --pin"
            f" {fingerprint(error.key)}"
        ) from error
    except paramiko.AuthenticationException as error:
        what = source.key_file_env or source.password_env
        raise SourceError(
            f"sources.{dataset}: {place} refuses the account `{source.user}`; check {what} and"
            " whether the department has enabled it."
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        why = str(error) or type(error).__name__
        raise SourceError(
            f"sources.{dataset}: {place} cannot be reached ({why}). Check `host`, `port` and the"
            " firewall; nothing was loaded."
        ) from error


def _private_key(source: Source, dataset: str, passphrase: str | None) -> paramiko.PKey:
    path = Path(secret(str(source.key_file_env)))
    try:
        return paramiko.PKey.from_path(path, passphrase.encode() if passphrase else None)
    except (OSError, ValueError, TypeError, paramiko.SSHException) as error:
        raise SourceError(
            f"sources.{dataset}: {path}, which {source.key_file_env} names, is no private key that"
            f" can be opened ({error}). With a passphrase, put that into `password_env`."
        ) from error
