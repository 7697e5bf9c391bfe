"""How large a file may be, and how deeply JSON may be nested."""

import resource

import pytest

from files import TEXT, check_size, limits, memory_at_hand, parsed_json, read_json


def test_what_is_too_large_is_named_with_its_limit(monkeypatch):
    check_size("a.npz", 100, 100)
    with pytest.raises(ValueError, match=r"^a.npz takes 101 bytes; accepted: at most 100 bytes$"):
        check_size("a.npz", 101, 100)
    monkeypatch.setattr(limits, "memory_at_hand", lambda: 8 * 10**9)
    check_size("a.npz", 6 * 10**9)
    with pytest.raises(ValueError, match="takes 6.1 GB; accepted: at most 6.0 GB, three quarters"):
        check_size("a.npz", 61 * 10**8)


def test_memory_at_hand_is_what_the_tightest_limit_leaves(monkeypatch, tmp_path):
    assert 0 < memory_at_hand() < 2**50
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    monkeypatch.setattr(limits, "_CGROUP", tmp_path)
    assert memory_at_hand() == 2000
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1500, 1500))
    assert memory_at_hand() == 1500


@pytest.mark.parametrize(
    "text, message",
    [
        ("[" * 100_000, "nested deeply; accepted: at most 200 levels"),
        ('{"a":' * 201 + "1" + "}" * 201, "nested deeply"),
        ('{"a": 1', "Expecting"),
        (b"\xff\xfe", "decode"),
        ('"' + '\\"' * 100_000, "Unterminated string"),
    ],
)
def test_json_that_is_refused(tmp_path, text, message):
    path = tmp_path / "some.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=f"some.json cannot be read as JSON: .*{message}"):
        read_json(path)


def test_json_that_is_too_long_is_not_read(tmp_path):
    path = tmp_path / "long.json"
    with path.open("wb") as file:
        file.truncate(TEXT + 1)  # takes no place on the disk
    with pytest.raises(ValueError, match="long.json .* takes 67.1 MB; accepted: at most 67.1 MB"):
        read_json(path)


def test_brackets_in_strings_are_no_levels():
    deep = '["' + "[" * 1000 + '\\"' + "{" * 1000 + '"]'
    assert parsed_json(deep) == ["[" * 1000 + '"' + "{" * 1000]
    assert parsed_json("[" * 200 + "]" * 200)
