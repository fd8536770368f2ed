"""Host keys of SFTP servers: `known_hosts` in the home folder, in OpenSSH's form.

A key gets there by hand (`yinling sftp-key`), after somebody has compared its fingerprint with
what the department says.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko

from ingestion.errors import SourceError
from yinling.settings import Settings, Source

KNOWN_HOSTS = "known_hosts"
# What goes wrong is said once, in our words; the library would print its traceback beside it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
CONNECT_SECONDS = 15


@contextmanager
def plain_errors(dataset: str, what: str) -> Iterator[None]:
    """Turn what the connection says into a sentence.

    Raises:
        SourceError: in place of paramiko's, the socket's or the server's error.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(f"sources.{dataset}: {what}: it is not there. Correct `path`.") from error
    except PermissionError as error:
        raise SourceError(
            f"sources.{dataset}: {what}: the account may not read it. Ask the department."
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # this machine's disk
        why = str(error) or type(error).__name__
        raise SourceError(
            f"sources.{dataset}: {what} ({why}). The next run goes on from there."
        ) from error


def host_name(source: Source) -> str:
    """The server as `known_hosts` names it."""
    return str(source.host) if source.port == 22 else f"[{source.host}]:{source.port}"


def fingerprint(key: paramiko.PKey) -> str:
    """As `ssh-keygen -l` shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def known_keys(settings: Settings) -> paramiko.HostKeys:
    """The host keys that somebody has checked.

    Raises:
        SourceError: the file cannot be read as known_hosts.
    """
    file, keys = settings.home / KNOWN_HOSTS, paramiko.HostKeys()
    if file.exists():
        try:
            keys.load(str(file))
        except paramiko.SSHException as error:
            raise SourceError(f"{file} is no known_hosts file: {error}. Correct it.") from error
    return keys


def offered_key(source: Source, dataset: str) -> paramiko.PKey:
    """The key that the server shows now; nothing is sent but the handshake.

    Raises:
        SourceError: it cannot be reached.
    """
    if source.host is None:
        raise SourceError(f"sources.{dataset}: set `host`.")
    with plain_errors(dataset, f"{source.host}:{source.port} cannot be reached"):
        transport = paramiko.Transport((source.host, source.port))
        try:
            transport.start_client(timeout=CONNECT_SECONDS)
            return transport.get_remote_server_key()
        finally:
            transport.close()


def pin(settings: Settings, source: Source, dataset: str, wanted: str) -> Path:
    """Trust the key that the server shows, if it is the one that the department named.

    Raises:
        SourceError: the server shows another one.
    """
    key, file = offered_key(source, dataset), settings.home / KNOWN_HOSTS
    if fingerprint(key) != wanted.strip():
        raise SourceError(
            f"sources.{dataset}: {source.host} shows {fingerprint(key)}, not {wanted}. Nothing was"
            " pinned. Compare every letter; if they differ, ask the department."
        )
    keys = known_keys(settings)
    if host_name(source) in keys:
        del keys[host_name(source)]
    keys.add(host_name(source), key.get_name(), key)
    keys.save(str(file))
    return file
