"""The vault: round trip, both ciphers, wrong key, damage, search, rotation."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

import polars as pl
import pytest

from ingestion import ciphers, vault, vault_file
from ingestion.errors import VaultError
from ingestion.keys import vault_keys
from yinling.settings import Crypto, Reveal, Settings, SettingsError

TOKEN = "0123456789abcdef" * 2
KEY, NEWER = "11" * 32, "33" * 32
ME = "auditor", "核实疑点 F-1"
CIPHERS = ("aes-256-gcm", "sm4-gcm")


@pytest.fixture(params=CIPHERS)
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Settings:
    monkeypatch.setenv("YINLING_VAULT_KEY", KEY)
    settings = Settings(home=tmp_path, crypto=Crypto(vault=request.param))
    fill(settings, "b1", [(TOKEN[::-1], "张三"), (TOKEN, "李四")])
    return settings


def fill(settings: Settings, batch: str, rows: list[tuple[str, str]]) -> Path:
    """A committed batch whose vault holds a chunk a row."""
    (settings.lake / "facility_stay" / batch).mkdir(parents=True)
    file = settings.landing / "facility_stay" / batch / vault.FILE
    file.parent.mkdir(parents=True)
    buffer = io.BytesIO()
    writer = vault.VaultWriter(buffer, batch, vault.current_seal(settings))
    for token, clear in rows:
        writer.add(pl.DataFrame({"kind": ["name"], "token": [token], "clear": [clear]}))
    writer.close()
    file.write_bytes(buffer.getvalue())
    return file


def the_file(home: Settings) -> Path:
    return home.landing / "facility_stay" / "b1" / vault.FILE


def everything(settings: Settings, path: Path) -> list[tuple[str, str, str]]:
    chunks = list(vault_file.VaultFile(path, vault_keys(settings)).chunks())
    return pl.concat(chunks).rows()


def test_several_tokens_are_answered_in_their_order(home: Settings) -> None:
    found = vault.reveal(home, [TOKEN, "f" * 32, TOKEN[::-1].upper()], *ME)
    assert [(one.kind, one.clear, one.batch_id) for one in found] == [
        ("name", "李四", "b1"),
        ("name", "张三", "b1"),
    ]


def test_a_search_opens_only_the_chunks_that_may_hold_the_token(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [hashlib.md5(bytes((number,))).hexdigest() for number in range(40)]  # noqa: S324
    for number in range(4):
        part = tokens[10 * number : 10 * number + 10]
        fill(home, f"c{number}", [(token, f"名{token[:4]}") for token in part])
    opened: list[Path] = []
    real = vault_file.VaultFile._open

    def counted(
        self: vault_file.VaultFile, sealed: bytes, number: int, bits: bytes
    ) -> pl.DataFrame | None:
        opened.append(self.path)
        return real(self, sealed, number, bits)

    monkeypatch.setattr(vault_file.VaultFile, "_open", counted)
    (found,) = vault.reveal(home, [tokens[25]], *ME)
    assert found.batch_id == "c2"
    # 42 chunks; four probes in filters of 64 bits for one token hit by chance about never.
    assert len(opened) <= 3


def test_the_filter_never_misses() -> None:
    tokens = pl.Series([f"{number * 2654435761 % 2**32:08x}" * 4 for number in range(5_000)])
    table = tokens.str.decode("hex")
    assert vault_file._bytes(tokens[1:]) == b"".join(table[1:])
    bits = vault_file._filter(vault_file._bytes(tokens))
    file = io.BytesIO(bits)
    assert all(vault_file._maybe(file, (0, 0, len(bits)), token) for token in table)
    strangers = [f"{number:016x}" * 2 for number in range(10**6, 10**6 + 5_000)]
    hits = [vault_file._maybe(file, (0, 0, len(bits)), bytes.fromhex(one)) for one in strangers]
    assert sum(hits) < 500


def test_what_a_killed_run_left_is_not_searched(home: Settings) -> None:
    cut = fill(home, "b2", [("a" * 32, "王五")])
    cut.write_bytes(cut.read_bytes()[:-40])
    shutil.rmtree(home.lake / "facility_stay" / "b2")
    assert vault.reveal(home, [TOKEN], *ME)[0].clear == "李四"
    assert vault.reveal(home, ["a" * 32], *ME) == []


def test_wrong_key_is_a_plain_message(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINLING_VAULT_KEY", NEWER)
    with pytest.raises(VaultError, match="not among the vault's keys"):
        vault.reveal(home, [TOKEN], *ME)
    for wrong in ("short", f"{KEY},short", "bad id:" + KEY):
        monkeypatch.setenv("YINLING_VAULT_KEY", wrong)
        with pytest.raises(VaultError, match="64 hex digits") as caught:
            vault.reveal(home, ["e" * 32, TOKEN], *ME)
        assert KEY not in str(caught.value)
    monkeypatch.delenv("YINLING_VAULT_KEY")
    with pytest.raises(SettingsError, match="YINLING_VAULT_KEY"):
        vault.reveal(home, [TOKEN], *ME)


def test_nothing_in_the_file_is_readable(home: Settings) -> None:
    data = the_file(home).read_bytes()
    assert "李四".encode() not in data
    assert TOKEN.encode() not in data
    assert bytes.fromhex(TOKEN) not in data


def test_every_cut_and_every_changed_byte_is_noticed(home: Settings) -> None:
    file = the_file(home)
    whole = file.read_bytes()
    cuts = [whole[:length] for length in range(len(whole) - 1, 20, -7)]
    changes = [whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :] for at in range(len(whole))]
    for broken in [*cuts, *changes]:
        file.write_bytes(broken)
        with pytest.raises(VaultError, match=r"damaged|no vault file|not among the vault's keys"):
            everything(home, file)


def test_a_file_moved_to_another_batch_does_not_open(home: Settings) -> None:
    other = home.landing / "facility_stay" / "b2" / vault.FILE
    other.parent.mkdir()
    the_file(home).rename(other)
    with pytest.raises(VaultError, match="damaged"):
        everything(home, other)


def test_rotation_seals_anew_and_the_old_key_can_go(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(home, the_file(home))
    old = vault.current_seal(home).key.id
    monkeypatch.setenv("YINLING_VAULT_KEY", f"2027a:{NEWER},{KEY}")
    assert vault.sealed(home) == {(home.crypto.vault, old): 1}
    assert vault.reveal(home, [TOKEN], *ME)[0].clear == "李四"
    assert vault.rotate(home) == (1, 0)
    assert vault.rotate(home) == (0, 1)
    assert vault.sealed(home) == {(home.crypto.vault, "2027a"): 1}
    monkeypatch.setenv("YINLING_VAULT_KEY", f"2027a:{NEWER}")
    assert everything(home, the_file(home)) == before


def test_a_rotation_killed_half_way_loses_nothing(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        fill(home, f"c{number}", [(f"{number}" * 32, f"第{number}人")])
    monkeypatch.setenv("YINLING_VAULT_KEY", f"2027a:{NEWER},{KEY}")
    real, count = vault.VaultWriter.close, 0

    def dies(self: vault.VaultWriter) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        real(self)

    with monkeypatch.context() as patch:
        patch.setattr(vault.VaultWriter, "close", dies)
        with pytest.raises(KeyboardInterrupt):
            vault.rotate(home)
    assert {count for _, count in vault.sealed(home).items()} == {2}
    assert len(vault.reveal(home, [TOKEN, "0" * 32, "1" * 32, "2" * 32], *ME)) == 4
    assert vault.rotate(home) == (2, 2)
    assert not list(home.landing.rglob("*.part"))


def test_rotation_needs_the_old_key_and_touches_nothing_without_it(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = the_file(home).read_bytes()
    monkeypatch.setenv("YINLING_VAULT_KEY", f"2027a:{NEWER}")
    with pytest.raises(VaultError, match="not among the vault's keys"):
        vault.rotate(home)
    assert the_file(home).read_bytes() == before


def test_rotation_changes_the_cipher_too(home: Settings) -> None:
    other = next(name for name in CIPHERS if name != home.crypto.vault)
    now = home.model_copy(update={"crypto": Crypto.model_validate({"vault": other})})
    assert vault.reveal(now, [TOKEN], *ME)[0].clear == "李四"
    assert vault.rotate(now) == (1, 0)
    assert {cipher for cipher, _ in vault.sealed(now)} == {other}
    assert vault.reveal(home, [TOKEN], *ME)[0].clear == "李四"


def test_files_of_the_first_form_stay_readable(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written by the first release of the hub: key check, no key id, no filters."""
    file = the_file(home)
    key = next(vault_keys(home))
    cipher = ciphers.cipher("aes-256-gcm", key.secret)
    table = io.BytesIO()
    row = {"kind": ["name"], "token": [bytes.fromhex(TOKEN)], "clear": ["李四"]}
    pl.DataFrame(row).write_ipc(table, compat_level=pl.CompatLevel.oldest())
    data = b"YLVAULT1" + key.check
    for number, plain in enumerate((table.getvalue(), b"")):
        sealed = cipher.encrypt(b"n" * 12, plain, f"b1:{number}".encode())
        data += len(sealed).to_bytes(4, "little") + b"n" * 12 + sealed
    file.write_bytes(data)
    assert vault.reveal(home, [TOKEN], *ME)[0].clear == "李四"
    assert vault.rotate(home) == (1, 0)
    assert file.read_bytes().startswith(b"YLVAULT2")
    assert everything(home, file) == [("name", TOKEN, "李四")]


def test_one_dataset_can_be_named(home: Settings) -> None:
    assert vault.reveal(home, [TOKEN], *ME, dataset="facility_stay")[0].clear == "李四"
    assert vault.reveal(home, [TOKEN], *ME, dataset="home_visit") == []


def test_refusals_say_why(home: Settings) -> None:
    narrow = home.model_copy(update={"reveal": Reveal(roles={"auditor": ["somebody else"]})})
    few = home.model_copy(update={"reveal": Reveal(tokens_at_once=1)})
    for settings, tokens, role, reason, words in (
        (home, [TOKEN], "county", "核实疑点", "Only auditor"),
        (home, [TOKEN], "auditor", "  x ", "reason of at least 4"),
        (home, ["4402"], "auditor", "核实疑点", "is no token"),
        (narrow, [TOKEN], "auditor", "核实疑点", "may not take the role auditor"),
        (few, [TOKEN, "e" * 32], "auditor", "核实疑点", "allowed are 1"),
    ):
        with pytest.raises(VaultError, match=words):
            vault.reveal(settings, tokens, role, reason)
