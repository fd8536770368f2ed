"""Tokens: both algorithms, and that a home keeps to one algorithm and one key."""

from __future__ import annotations

import hmac
from pathlib import Path

import polars as pl
import pytest

from ingestion import purposes
from ingestion.tokens import DIGITS, TokenKey, token_key, tokens
from yinling.settings import Crypto, Purpose, Settings, SettingsError

VALUES = pl.Series("v", ["440203194501011234", None, "张三", "440203194501011234", ""])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("YINLING_TOKEN_KEY", "a key for tests")
    return Settings(home=tmp_path)


def with_batch(settings: Settings) -> None:
    (settings.lake / "facility_stay" / "b1").mkdir(parents=True)
    (settings.lake / "facility_stay" / "b1" / "manifest.json").write_text("{}")


def sm3(settings: Settings) -> Settings:
    return settings.model_copy(update={"crypto": Crypto(tokens="hmac-sm3")})


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sm3"])
def test_tokens_are_the_standard_hmac(algorithm: str) -> None:
    made = tokens("citizen_id", VALUES, TokenKey("k", algorithm))
    wanted = [
        None
        if value is None
        else hmac.digest(b"k", f"citizen_id:{value}".encode(), algorithm[5:]).hex()[:DIGITS]
        for value in VALUES
    ]
    assert made.to_list() == wanted


def test_sm3_is_the_published_one() -> None:
    """GB/T 32905-2016, annex A: the digest of `abc`, through the library that is used."""
    from cryptography.hazmat.primitives import hashes

    digest = hashes.Hash(hashes.SM3())
    digest.update(b"abc")
    assert digest.finalize().hex() == (
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    )


def test_sm4_is_the_published_one() -> None:
    """GB/T 32907-2016, annex A.1: one block under its own text as the key."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    block = bytes.fromhex("0123456789abcdeffedcba9876543210")
    work = Cipher(algorithms.SM4(block), modes.ECB()).encryptor()  # noqa: S305
    assert work.update(block).hex() == "681edf34d206965e86b3e94f536e4246"


def test_sliced_and_chunked_columns_make_the_same_tokens() -> None:
    key = TokenKey("k", "hmac-sm3")
    whole = pl.concat([VALUES, VALUES.reverse()], rechunk=False)
    assert tokens("name", whole, key)[3:8].to_list() == tokens("name", whole[3:8], key).to_list()
    assert tokens("name", VALUES.clear(), key).to_list() == []
    assert tokens("name", pl.Series([None, None], dtype=pl.String), key).to_list() == [None, None]


def test_classes_and_algorithms_do_not_meet() -> None:
    value = pl.Series(["6222020000000000000"])
    made = {
        tokens(kind, value, TokenKey("k", algorithm))[0]
        for kind in ("account", "citizen_id")
        for algorithm in ("hmac-sha256", "hmac-sm3")
    }
    assert len(made) == 4


def test_a_home_without_batches_may_still_choose(home: Settings) -> None:
    assert token_key(home).algorithm == "hmac-sha256"
    assert token_key(sm3(home)).algorithm == "hmac-sm3"


def test_the_algorithm_is_fixed_once_there_are_tokens(home: Settings) -> None:
    token_key(sm3(home))
    with_batch(home)
    assert token_key(sm3(home)).algorithm == "hmac-sm3"
    with pytest.raises(SettingsError, match=r"crypto\.tokens is hmac-sha256.*made with hmac-sm3"):
        token_key(home)


def test_a_home_from_before_the_setting_has_sha256(home: Settings) -> None:
    with_batch(home)
    with pytest.raises(SettingsError, match="made with hmac-sha256"):
        token_key(sm3(home))
    assert token_key(home) == "a key for tests"


def test_another_key_is_refused(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    token_key(home)
    with_batch(home)
    monkeypatch.setenv("YINLING_TOKEN_KEY", "another key")
    with pytest.raises(SettingsError, match="second token") as caught:
        token_key(home)
    assert "another key" not in str(caught.value)
    monkeypatch.delenv("YINLING_TOKEN_KEY")
    with pytest.raises(SettingsError, match="YINLING_TOKEN_KEY"):
        token_key(home)


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sm3"])
def test_two_recipients_cannot_join_and_the_hub_can_turn_back(
    home: Settings, algorithm: str
) -> None:
    two = {
        name: Purpose(recipient=name, legal_basis="协议", tables=["finding"])
        for name in ("yibao", "renshe")
    }
    settings = home.model_copy(
        update={"crypto": Crypto.model_validate({"tokens": algorithm}), "purposes": two}
    )
    inside = tokens("citizen_id", pl.Series([f"{n}" for n in range(500)]), token_key(settings))
    made = {name: purposes.to_recipient(settings, name, inside) for name in two}
    assert len(set(made["yibao"].values())) == 500
    seen = set(inside)
    for name in two:
        assert not seen & set(made[name].values())
        seen |= set(made[name].values())
        back = purposes.to_warehouse(settings, name, [made[name][token] for token in inside])
        assert back == inside.to_list()
    assert purposes.to_recipient(settings, "yibao", inside) == made["yibao"]
    with pytest.raises(SettingsError, match=r"purposes\.wsj.*yibao, renshe"):
        purposes.to_recipient(settings, "wsj", inside)


def test_ids_of_two_blocks_change_and_other_texts_stay(home: Settings) -> None:
    one = {"yibao": Purpose(recipient="医保局", legal_basis="协议", tables=["finding"])}
    settings = home.model_copy(update={"purposes": one})
    made = purposes.to_recipient(
        settings, "yibao", pl.Series(["ab" * 32, "F44022200002", None, "ab" * 20, "AB" * 16])
    )
    assert list(made) == ["ab" * 32] and len(made["ab" * 32]) == 64
