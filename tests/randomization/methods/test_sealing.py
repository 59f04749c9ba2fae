import base64

import pytest

from randomization.methods.lists.sealing import (
    KeyUnusable,
    SealBroken,
    load_key,
    new_key,
    new_secret,
    open_row,
    open_secret,
    seal,
    seal_secret,
)

KEY = load_key(base64.b64encode(bytes(range(32))).decode())
OTHER_KEY = bytes(range(1, 33))


def test_a_sealed_row_opens_with_its_key_at_its_place() -> None:
    assert open_row(KEY, "1", "site=UMCG", 7, seal(KEY, "1", "site=UMCG", 7, "ect")) == "ect"


@pytest.mark.parametrize(
    ("key", "list_id", "stratum_key", "position"),
    [
        (OTHER_KEY, "1", "site=UMCG", 7),
        (KEY, "2", "site=UMCG", 7),
        (KEY, "1", "site=LUMC", 7),
        (KEY, "1", "site=UMCG", 8),
    ],
)
def test_a_row_moved_elsewhere_does_not_open(key: bytes, list_id: str, stratum_key: str, position: int) -> None:
    sealed = seal(KEY, "1", "site=UMCG", 7, "ect")
    with pytest.raises(SealBroken, match=f"Row {position} of stratum {stratum_key}, list {list_id} does not open"):
        open_row(key, list_id, stratum_key, position, sealed)


def test_a_changed_or_shortened_row_does_not_open() -> None:
    sealed = seal(KEY, "1", "all", 1, "ect")
    for broken in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:20], b""):
        with pytest.raises(SealBroken):
            open_row(KEY, "1", "all", 1, broken)


def test_every_arm_gives_a_text_of_the_same_length() -> None:
    assert {len(seal(KEY, "1", "all", 1, arm)) for arm in ("a", "ect", "esketamine", "x" * 63)} == {92}


def test_sealing_the_same_row_twice_gives_different_texts() -> None:
    assert len({seal(KEY, "1", "all", 1, "ect") for _ in range(100)}) == 100


def test_an_arm_too_long_to_be_padded_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 63 bytes"):
        seal(KEY, "1", "all", 1, "x" * 64)


def test_the_master_secret_is_sealed_for_its_list() -> None:
    secret = new_secret()
    sealed = seal_secret(KEY, "1", secret)
    assert secret not in sealed
    assert open_secret(KEY, "1", sealed) == secret
    with pytest.raises(SealBroken, match="The master secret of list 2"):
        open_secret(KEY, "2", sealed)


def test_a_sealed_row_is_not_taken_for_a_secret() -> None:
    with pytest.raises(SealBroken):
        open_secret(KEY, "1", seal(KEY, "1", "all", 1, "ect"))


def test_a_master_secret_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 5"):
        seal_secret(KEY, "1", b"short")


def test_a_new_key_can_be_loaded_with_spaces_around_it() -> None:
    text = new_key()
    assert load_key(f" {text}\n") == base64.urlsafe_b64decode(text)
    assert new_key() != text


def test_plain_and_url_safe_base64_are_both_read() -> None:
    key = bytes(range(0, 256, 8))[:-2] + b"\xfb\xff"
    assert load_key(base64.b64encode(key).decode()) == load_key(base64.urlsafe_b64encode(key).decode()) == key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \n", "is empty"),
        ("not base64!", "is not base64"),
        ("_" * 42, "is not base64, or a part"),
        (base64.b64encode(b"short").decode(), "must have 32 bytes, not 5"),
        (base64.b64encode(bytes(32)).decode(), "repeats itself"),
    ],
)
def test_an_unusable_key_is_explained_and_not_repeated(text: str, said: str) -> None:
    with pytest.raises(KeyUnusable, match=said) as refusal:
        load_key(text)
    assert "openssl rand -base64 32" in str(refusal.value)
    assert not text.strip() or text not in str(refusal.value)
