"""The artifact store: finished or absent, never half."""

import pytest

from harness.store import Store, digest


def test_the_digest_depends_on_everything_and_on_no_order():
    one = digest("train", {"a": 1, "b": {"c": 2.0}})
    assert one == digest("train", {"b": {"c": 2.0}, "a": 1})
    assert (
        len(
            {
                one,
                digest("attack", {"a": 1, "b": {"c": 2.0}}),
                digest("train", {"a": 1, "b": {"c": 2.5}}),
                digest("train", {"a": 1, "b": {"c": 2.0}, "d": None}),
            }
        )
        == 4
    )


def test_a_finished_stage_is_there(tmp_path):
    store = Store(tmp_path)
    assert not store.has("train", {"a": 1})
    with store.writing("train", {"a": 1}) as directory:
        (directory / "result").write_text("42")
    assert store.has("train", {"a": 1})
    assert (store.path("train", {"a": 1}) / "result").read_text() == "42"
    assert not store.has("train", {"a": 2})


def test_an_interrupted_stage_is_not_taken_for_a_finished_one_and_goes_on(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.writing("train", {"a": 1}) as directory:
        (directory / "resume").mkdir()
        (directory / "resume" / "state").write_text("half")
        raise KeyboardInterrupt
    assert not store.has("train", {"a": 1})
    with store.writing("train", {"a": 1}) as directory:
        assert (directory / "resume" / "state").read_text() == "half"
    assert store.has("train", {"a": 1})
    assert not (store.path("train", {"a": 1}) / "resume").exists()
