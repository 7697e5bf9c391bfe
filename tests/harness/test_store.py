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


WHAT = {"a": 1}


def written(store, what=WHAT):
    path = store.path("train", what)
    with store.writing(path, what) as directory:
        (directory / "result").write_text("42")
    return path


def test_a_finished_stage_is_there(tmp_path):
    store = Store(tmp_path)
    assert not store.has(store.path("train", WHAT))
    path = written(store)
    assert store.has(path) and Store(tmp_path).has(path)
    assert (path / "result").read_text() == "42"
    assert store.descriptions("train") == [WHAT]
    assert not store.has(store.path("train", {"a": 2}))


def test_an_interrupted_stage_is_not_taken_for_a_finished_one_and_goes_on(tmp_path):
    store = Store(tmp_path)
    path = store.path("train", WHAT)
    with pytest.raises(KeyboardInterrupt), store.writing(path, WHAT) as directory:
        (directory / "resume").mkdir()
        (directory / "resume" / "state").write_text("half")
        (directory / ".being-written.result.x").mkdir()
        raise KeyboardInterrupt
    assert not store.has(path)
    with store.writing(path, WHAT) as directory:
        assert (directory / "resume" / "state").read_text() == "half"
        assert not list(directory.glob(".being-written*"))
    assert store.has(path) and not (path / "resume").exists()


def test_a_stage_says_on_what_it_was_made(tmp_path):
    store = Store(tmp_path)
    made = store.made(written(store))
    assert made["machine"] and made["commit"] and len(made["date"]) == 10
    assert set(made["versions"]) == {"tensorflow", "keras", "cleverhans", "numpy", "python"}


def flipped(file):
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda path: flipped(path / "result"), "result does not have the checksum"),
        (lambda path: (path / "result").write_text("4"), "result does not have the checksum"),
        (lambda path: (path / "result").unlink(), "result is missing"),
        (lambda path: (path / "stage.json").write_text("{}"), "stage.json does not have the"),
        (lambda path: (path / "made.json").write_text("{"), "made.json does not have the"),
        (lambda path: (path / "checksums.json").write_text("{"), "checksums.json cannot be read"),
        (lambda path: (path / "checksums.json").write_text("[]"), "checksums.json cannot be read"),
        (lambda path: (path / "checksums.json").write_text("{}"), "made.json does not have the"),
        (lambda path: (path / "added").write_text("x"), "added does not have the checksum"),
        (lambda path: (path / "checksums.json").unlink(), "checksums.json cannot be read"),
    ],
)
def test_a_damaged_stage_is_recognised_and_set_aside(tmp_path, damage, said):
    path = written(Store(tmp_path))
    damage(path)
    store = Store(tmp_path)
    assert not store.has(path) and said in store.damage(path)
    assert store.descriptions("train") == []
    assert store.set_aside(path).name == f"{path.name}.damaged"
    assert not path.exists()
    written(store)
    assert store.has(path)
    assert store.set_aside(path).name == f"{path.name}.damaged-2"
    assert store.descriptions("train") == []


def test_one_process_alone_works_on_a_stage(tmp_path):
    with Store(tmp_path).locked("a") as alone:
        assert alone
        with Store(tmp_path).locked("a") as second, Store(tmp_path).locked("b") as other:
            assert not second and other
    with Store(tmp_path).locked("a") as again:
        assert again
