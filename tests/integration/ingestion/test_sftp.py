"""A real OpenSSH server: pinned host keys, unfinished uploads, resume, files left in place."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from ingestion import register
from ingestion.connectors import host_keys, listing, sftp
from ingestion.errors import SourceError
from ingestion.landing import land
from tests.integration.ingestion.conftest import Deliver, funds, lake
from tests.support.sshd import Sshd, keygen, show
from yinling import cli
from yinling.settings import Settings, Source

DATASET = "welfare_fund"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    sshd = Sshd(tmp_path / "sshd")
    sshd.start()
    monkeypatch.setenv("FINANCE_KEY", str(sshd.client_key))
    yield sshd
    sshd.stop()


Change = Callable[..., Settings]


@pytest.fixture
def change(home: Settings, server: Sshd) -> Change:
    """Settings in which the dataset comes by SFTP; the host key is not pinned."""

    def make(**values: object) -> Settings:
        source = Source(
            connector="sftp",
            host="127.0.0.1",
            port=server.port,
            user=server.user,
            path=str(home.home / "inbox" / DATASET),
            key_file_env="FINANCE_KEY",
            settle_seconds=0.1,
        ).model_copy(update=values)
        return home.model_copy(update={"sources": {DATASET: source}})

    return make


@pytest.fixture
def remote(change: Change, server: Sshd) -> Settings:
    """The same with the key pinned."""
    home = change()
    host_keys.pin(home, home.sources[DATASET], DATASET, show(server.host_key))
    return home


def folder(home: Settings) -> Path:
    return Path(str(home.sources[DATASET].path))


def test_files_with_control_records_are_fetched_once(
    remote: Settings, server: Sshd, deliver: Deliver
) -> None:
    before = {
        deliver(DATASET, funds(40)),
        deliver(DATASET, funds(7, 1951), sequence=2, kind="xlsx"),
    }
    done = land(remote)
    assert [receipt["rows_loaded"] for receipt in done.receipts] == [40, 7]
    names = [name for name in server.opened() if not name.endswith(".json")]
    assert sorted(names) == sorted(path.name for path in before)
    assert land(remote).receipts == []
    assert len(server.opened()) == 4, "what landing holds is not read again"
    assert all(path.exists() for path in before), "the department's files stay"
    left = remote.landing / DATASET / ".incoming"
    assert list(left.iterdir()) == []


def test_the_same_bytes_sent_again_are_no_news(
    remote: Settings, server: Sshd, deliver: Deliver
) -> None:
    path = deliver(DATASET, funds(4))
    land(remote)
    os.utime(path, (time.time() + 60, time.time() + 60))
    assert land(remote).receipts == []
    path.write_bytes(path.read_bytes() + b"440299000000,1990,lottery,1.00,1\n")
    shutil.move(path.with_name(path.name + ".control.json"), path.with_name("kept"))
    record = path.with_name("kept").read_text().replace('"row_count": 4', '"row_count": 5')
    import hashlib
    import json

    value = json.loads(record) | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_name(path.name + ".control.json").write_text(json.dumps(value))
    assert land(remote).rejected[0]["reason"] == "sequence_reused"
    assert lake(remote, DATASET).height == 4


def test_an_unknown_host_key_is_never_accepted(
    change: Change, server: Sshd, deliver: Deliver
) -> None:
    deliver(DATASET, funds(4))
    home = change()
    with pytest.raises(SourceError, match=r"is not known yet.*--pin SHA256:") as error:
        land(home)
    assert show(server.host_key) in str(error.value)
    assert "Accepted" not in server.logins() and not (home.home / "known_hosts").exists()


def test_a_wrong_host_key(remote: Settings, server: Sshd, deliver: Deliver) -> None:
    deliver(DATASET, funds(4))
    server.stop()
    old = show(server.host_key)
    keygen(server.host_key)
    server.start()
    with pytest.raises(SourceError, match="shows another host key") as error:
        land(remote)
    assert old in str(error.value) and show(server.host_key) in str(error.value)
    assert "Accepted" not in server.logins()
    assert register.committed(remote, DATASET) == set()


def test_the_key_is_pinned_by_its_fingerprint(
    change: Change,
    server: Sshd,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = change()
    source = home.sources[DATASET]
    lines = [f"[sources.{DATASET}]"]
    for name in ("connector", "host", "port", "user", "path", "key_file_env"):
        value = getattr(source, name)
        lines.append(f"{name} = {value!r}".replace("'", '"'))
    (home.home / "yinling.toml").write_text("\n".join(lines))
    monkeypatch.setenv("YINLING_HOME", str(home.home))
    assert cli.run(["sftp-key", DATASET]) == 0
    assert show(server.host_key) in capsys.readouterr().out
    assert not (home.home / "known_hosts").exists()
    assert cli.run(["sftp-key", DATASET, "--pin", "SHA256:" + "A" * 43]) == 1
    assert "Nothing was pinned" in capsys.readouterr().err
    assert cli.run(["sftp-key", DATASET, "--pin", show(server.host_key)]) == 0
    assert f"[127.0.0.1]:{server.port} ssh-ed25519" in (home.home / "known_hosts").read_text()
    assert land(home).receipts == []


def test_a_refused_account(remote: Settings, server: Sshd) -> None:
    server.authorized.write_text("")
    with pytest.raises(SourceError, match=r"refuses the account .* check FINANCE_KEY"):
        land(remote)


def test_a_key_with_passphrase(
    remote: Settings, server: Sshd, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = keygen(server.room / "locked", passphrase="open sesame")
    server.authorized.write_bytes(locked.with_suffix(".pub").read_bytes())
    monkeypatch.setenv("FINANCE_KEY", str(locked))
    with pytest.raises(SourceError, match="no private key that can be opened"):
        land(remote)
    monkeypatch.setenv("PASSPHRASE", "open sesame")
    source = remote.sources[DATASET].model_copy(update={"password_env": "PASSPHRASE"})
    deliver(DATASET, funds(3))
    opened = remote.model_copy(update={"sources": {DATASET: source}})
    assert land(opened).receipts[0]["rows_loaded"] == 3


def test_nobody_there(remote: Settings, server: Sshd) -> None:
    server.stop()
    with pytest.raises(SourceError, match="cannot be reached"):
        land(remote)


def test_no_such_folder(change: Change, remote: Settings) -> None:
    home = change(path="/no/such/folder")
    with pytest.raises(SourceError, match=r"cannot be listed: it is not there. Correct `path`"):
        land(home)


def test_unfinished_uploads_and_growing_files_wait(remote: Settings, deliver: Deliver) -> None:
    """A file under a temporary name, and one that an upload still writes."""
    path = deliver(DATASET, funds(5))
    text = path.read_bytes()
    path.with_name("later.csv.filepart").write_bytes(text)
    stop = threading.Event()

    def write() -> None:
        with path.open("ab") as file:
            while not stop.wait(0.005):
                file.write(b"440299000000,1990,lottery,1.00,1\n")
                file.flush()

    upload = threading.Thread(target=write)
    upload.start()
    try:
        assert land(remote).receipts == []
    finally:
        stop.set()
        upload.join()
    assert register.committed(remote, DATASET) == set()
    path.write_bytes(text)
    assert land(remote).receipts[0]["rows_loaded"] == 5


def test_a_file_that_grows_while_it_is_read_waits(
    remote: Settings, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(DATASET, funds(5))
    text, original = path.read_bytes(), paramiko.SFTPFile.readv

    def grow(self: paramiko.SFTPFile, chunks: list[tuple[int, int]]) -> object:
        if path.read_bytes() == text:
            with path.open("ab") as file:
                file.write(b"440299000000,1990,lottery,1.00,1\n")
        return original(self, chunks)

    with monkeypatch.context() as patch:
        patch.setattr(paramiko.SFTPFile, "readv", grow)
        assert land(remote).receipts == []
    assert register.committed(remote, DATASET) == set()
    path.write_bytes(text)
    assert land(remote).receipts[0]["rows_loaded"] == 5


def test_a_control_record_that_changes_while_it_is_read_waits(
    remote: Settings, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the file would be taken for one that never had a control record."""
    record = (path := deliver(DATASET, funds(5))).with_name(path.name + ".control.json")
    text, original = record.read_text(), paramiko.SFTPFile.readv

    def grow(self: paramiko.SFTPFile, chunks: list[tuple[int, int]]) -> object:
        record.write_text(text + "\n")
        return original(self, chunks)

    with monkeypatch.context() as patch:
        patch.setattr(paramiko.SFTPFile, "readv", grow)
        assert land(remote).receipts == []
    assert land(remote).receipts[0]["rows_loaded"] == 5


def test_what_broke_off_is_fetched_from_there_on(
    remote: Settings, server: Sshd, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(DATASET, funds(27_000))
    monkeypatch.setattr(sftp, "WINDOW", 1 << 16)
    original, reads = paramiko.SFTPFile.readv, []

    def cut(self: paramiko.SFTPFile, chunks: list[tuple[int, int]], **more: object) -> object:
        reads.append(chunks[0][0])
        if len(reads) == 5:
            server.stop()
            self.sftp.get_channel().get_transport().close()
        return original(self, chunks, **more)

    monkeypatch.setattr(paramiko.SFTPFile, "readv", cut)
    with pytest.raises(SourceError, match="broke off; what arrived is kept"):
        land(remote)
    assert register.committed(remote, DATASET) == set()
    server.start()
    assert land(remote).receipts[0]["rows_loaded"] == 27_000
    pieces = -(-path.stat().st_size // (1 << 16))
    # One read for the control record, and one that broke off and was made again.
    assert reads[4] == reads[5] == 3 << 16 and len(reads) == 1 + pieces + 1


def test_done_files_and_names_instead_of_control_records(change: Change, remote: Settings) -> None:
    home = change(name_pattern="{any}_{provider}_{period}_{sequence}")
    place = folder(home)
    (place / "福彩_440203_202609_02.csv").write_bytes(funds(6).write_csv().encode())
    receipt = land(home).receipts[0]
    assert receipt["batch_id"] == f"{DATASET}.440203.2026-09.0002"
    plain = change(provider="caizheng")
    (place / "2026年8月.csv").write_bytes(funds(3, 1960).write_csv().encode())
    (place / "2026年8月.csv.done").touch()
    (place / "waits.csv").write_bytes(b"x")
    assert [r["batch_id"] for r in land(plain).receipts] == [f"{DATASET}.caizheng.2026-08.0001"]


def test_a_file_name_in_another_encoding(remote: Settings) -> None:
    """As Windows servers send them: GBK bytes."""
    bad = os.fsencode(folder(remote)) + "/\u516c.csv".encode("gb18030")
    Path(os.fsdecode(bad)).touch()
    with pytest.raises(SourceError, match=r"name is not UTF-8 .*rename"):
        land(remote)


def test_long_chinese_names(change: Change, remote: Settings) -> None:
    home = change(provider="caizheng", name_pattern="{any}{period}")
    name = "福" * 76 + "202609.csv"
    (folder(home) / name).write_bytes(funds(2).write_csv().encode())
    assert land(home).receipts[0]["file"] == name


def test_listing_names_are_file_names() -> None:
    """What a server lists decides where bytes go on this machine: no path, no hidden file."""
    bad = [listing.Entry(name, 3, 0) for name in (".bashrc", "x.part", "~$x.xlsx", "x~")]
    source = Source(connector="sftp", name_pattern="{any}")
    assert listing.candidates(bad, source) == []
