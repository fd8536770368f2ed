"""Keys from a key service: a real HTTP server in the shape of a KV version 2 store, with TLS."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingestion import key_service, keys, vault
from ingestion.errors import VaultError
from ingestion.landing import land
from tests.integration.ingestion.conftest import stays
from yinling.settings import Crypto, Settings, SettingsError

BEARER = "s.a-token-for-tests"
OLD, NEW = "44" * 32, "55" * 32


class Store(ThreadingHTTPServer):
    """Versions of each key, what was asked, and how it misbehaves."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.versions: dict[str, list[str | None]] = {"vault": [OLD], "token": ["k" * 40]}
        self.asked: list[str] = []
        self.failures = 0
        self.answer: bytes | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/secret/data/yinling"


class Handler(BaseHTTPRequestHandler):
    server: Store

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.failures:
            self.server.failures -= 1
            self.reply(503, b"sealed")
        elif self.headers["Authorization"] != f"Bearer {BEARER}":
            self.reply(403, b'{"errors":["permission denied"]}')
        elif self.server.answer is not None:
            self.reply(200, self.server.answer)
        else:
            self.give()

    def give(self) -> None:
        address = urlsplit(self.path)
        versions = self.server.versions.get(address.path.rpartition("/")[2], [])
        asked = parse_qs(address.query).get("version")
        number = int(asked[0]) if asked else len(versions)
        key = versions[number - 1] if 0 < number <= len(versions) else None
        if key is None:
            self.reply(404, b'{"errors":[]}')
            return
        data = {"data": {"key": key}, "metadata": {"version": number}}
        self.reply(200, json.dumps({"data": data}).encode())

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("YINLING_KMS_TOKEN", BEARER)
    monkeypatch.delenv("YINLING_VAULT_KEY")
    monkeypatch.delenv("YINLING_TOKEN_KEY")
    monkeypatch.setattr(key_service, "_WAIT", 0.01)
    server = Store()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def a_process_of_its_own() -> None:
    keys._service.cache_clear()


def using(home: Settings, url: str, **more: object) -> Settings:
    crypto = Crypto.model_validate(
        {"keys": "service", "service_url": url, "service_token_env": "YINLING_KMS_TOKEN", **more}
    )
    return home.model_copy(update={"crypto": crypto})


def test_landing_and_revealing_with_keys_of_the_service(
    home: Settings, deliver: object, store: Store
) -> None:
    settings = using(home, store.url)
    deliver("facility_stay", stays(20))  # type: ignore[operator]
    land(settings, ["facility_stay"])
    assert sorted(store.asked) == ["/v1/secret/data/yinling/token", "/v1/secret/data/yinling/vault"]
    token = pl.read_parquet(settings.lake / "facility_stay" / "*.0001" / "data.parquet")[
        "id_no_token"
    ][0]
    (found,) = vault.reveal(settings, [token], "auditor", "核实入住")
    assert found.clear == stays(20)["id_no"][0]
    for file in (path for path in settings.home.rglob("*") if path.is_file()):
        assert OLD.encode() not in file.read_bytes() and bytes.fromhex(OLD) not in file.read_bytes()


def test_rotation_in_the_service(home: Settings, deliver: object, store: Store) -> None:
    settings = using(home, store.url)
    deliver("facility_stay", stays(20))  # type: ignore[operator]
    land(settings, ["facility_stay"])
    store.versions["vault"].append(NEW)
    store.versions["token"].append("another token key, by mistake")
    keys._service.cache_clear()
    deliver("facility_stay", stays(20, first=50), sequence=2)  # type: ignore[operator]
    land(settings, ["facility_stay"])  # the token key in use stays the one of this home
    assert vault.sealed(settings) == {("aes-256-gcm", "v1"): 1, ("aes-256-gcm", "v2"): 1}
    assert vault.rotate(settings) == (1, 1)
    store.versions["vault"][0] = None  # destroyed in the service
    keys._service.cache_clear()
    data = pl.read_parquet(settings.lake / "facility_stay" / "*.000?" / "data.parquet")
    found = vault.reveal(settings, data["id_no_token"].to_list(), "auditor", "核实入住")
    assert len(found) == 40


def test_what_the_service_does_wrong_is_said(home: Settings, store: Store) -> None:
    settings = using(home, store.url)

    def first() -> keys.Key:
        keys._service.cache_clear()
        return next(keys.vault_keys(settings))

    store.failures = 2
    assert first().id == "v1"
    store.failures = 3
    with pytest.raises(VaultError, match="answers 503, asked 3 times"):
        first()
    for answer in (b"<html>login</html>", b"[]", b'{"data":{"data":{}}}'):
        store.answer = answer
        with pytest.raises(VaultError, match="KV version 2"):
            first()
    store.answer = None
    store.versions["vault"] = ["not hex"]
    with pytest.raises(VaultError, match="64 hex digits") as caught:
        first()
    assert "not hex" not in str(caught.value)
    store.versions["vault"] = []
    with pytest.raises(VaultError, match="has no such key"):
        first()


def test_a_refused_or_missing_token(
    home: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = using(home, store.url)
    monkeypatch.setenv("YINLING_KMS_TOKEN", "expired")
    with pytest.raises(VaultError, match=r"refuses the token \(403\)") as caught:
        next(keys.vault_keys(settings))
    assert "expired" not in str(caught.value)
    monkeypatch.delenv("YINLING_KMS_TOKEN")
    with pytest.raises(SettingsError, match="YINLING_KMS_TOKEN"):
        next(keys.vault_keys(settings))


def test_nobody_there(home: Settings, store: Store) -> None:
    settings = using(home, store.url)
    store.shutdown()
    store.server_close()
    with pytest.raises(VaultError, match="does not answer"):
        next(keys.vault_keys(settings))


def test_keys_travel_in_the_clear_to_this_machine_only(home: Settings, store: Store) -> None:
    with pytest.raises(SettingsError, match="https only"):
        next(keys.vault_keys(using(home, "http://kms.example/v1/secret/data/yinling")))


def test_over_tls_with_our_own_authority(home: Settings, store: Store, tmp_path: Path) -> None:
    certificate, private = authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    store.socket = context.wrap_socket(store.socket, server_side=True)
    url = store.url.replace("http:", "https:")
    assert next(keys.vault_keys(using(home, url, service_ca=certificate))).text == OLD
    keys._service.cache_clear()
    with pytest.raises(VaultError, match=r"does not answer.*(?i:certificate)"):
        next(keys.vault_keys(using(home, url)))
    with pytest.raises(SettingsError, match="service_ca"):
        next(keys.vault_keys(using(home, url, service_ca=tmp_path / "none.pem")))


def authority(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "ca.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private
