"""An attack that is killed goes on batch by batch, and gives what one left alone gives."""

import math

import numpy as np
import pytest

from attacks import PGD, AdversarialPatch, AutoAttack, DeepFool, Journal, Square
from blobs import blobs, plain
from evaluation import evaluate
from own_process import TIMES

BATCH = 8
ATTACKS = {
    "PGD": (PGD(steps=3, batch_size=BATCH), [0.05, 0.1]),
    "shared steps": (PGD(steps=4, step_size=0.02, random_start=False, batch_size=BATCH), [0.02, 1]),
    "DeepFool": (DeepFool(steps=5, batch_size=BATCH), [0.1, math.inf]),
    "Square": (Square(queries=20, batch_size=BATCH), [0.2, 0.5]),
    "AutoAttack": (AutoAttack(steps=5, targets=2, queries=20, batch_size=BATCH), [0.15, 0.3]),
}


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def victim():
    images, labels = blobs(28, seed=3)
    return plain(), images, labels


def once(victim, name, folder=None, kill_after=math.inf, **options):
    """The outcomes, and how many images were attacked in this attempt when it was told so."""
    told = []

    def progress(done, count):
        told.append(done)
        if len(told) > kill_after:
            raise Killed

    journal = None if folder is None else Journal(folder, seconds=0)
    return evaluate(*victim, *ATTACKS[name], journal=journal, progress=progress, **options)


def check_equal(one, other):
    for field, value in vars(one).items():
        if field not in TIMES:
            np.testing.assert_array_equal(getattr(other, field), value, err_msg=field)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_killed_attack_goes_on_to_the_same_bits(tmp_path, victim, name):
    undisturbed = once(victim, name)
    assert undisturbed.fooled.any()
    for batches in (1, 2, 3):
        with pytest.raises(Killed):
            once(victim, name, tmp_path, kill_after=batches)
        assert list(tmp_path.glob("journal-*.npz"))
    check_equal(once(victim, name, tmp_path), undisturbed)


@pytest.mark.parametrize("name", ["PGD", "AutoAttack"])
def test_nothing_finished_is_attacked_again(tmp_path, victim, name, monkeypatch):
    once(victim, name, tmp_path)
    for attack in (PGD, AutoAttack):
        monkeypatch.setattr(attack, "run_within", lambda self, task: _never)
    monkeypatch.setattr(AutoAttack, "attacks", lambda self, *arguments: (PGD(),) * 4)
    once(victim, name, tmp_path)


def _never(batch, epsilons):
    raise AssertionError("a batch was attacked again")


def test_finished_parts_stand_for_their_batches(tmp_path, victim):
    undisturbed = once(victim, "PGD", images_at_once=BATCH)
    with pytest.raises(Killed):
        once(victim, "PGD", tmp_path, kill_after=4, images_at_once=BATCH)
    kept = [set(np.load(path).files) for path in sorted(tmp_path.glob("*.npz"))]
    assert any("part 0|labels" in names for names in kept)
    assert not any(name.startswith("part 0, ") for names in kept for name in names)
    check_equal(once(victim, "PGD", tmp_path, images_at_once=BATCH), undisturbed)


@pytest.mark.parametrize("kept", [0, 100])
def test_a_damaged_file_counts_as_not_there(tmp_path, victim, kept):
    undisturbed = once(victim, "PGD")
    once(victim, "PGD", tmp_path)
    damaged = sorted(tmp_path.glob("*.npz"))[1]
    damaged.write_bytes(damaged.read_bytes()[:kept])
    check_equal(once(victim, "PGD", tmp_path), undisturbed)
    flipped = sorted(tmp_path.glob("*.npz"))[0]
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    check_equal(once(victim, "PGD", tmp_path), undisturbed)


def test_a_patch_goes_on_from_its_last_epoch(tmp_path, victim):
    model, images, labels = victim
    method = AdversarialPatch(size=3, epochs=4, batch_size=BATCH)
    undisturbed = method.fit(model, images, 2, labels, validation=(images, labels))

    def progress(done, count):
        if done > count / 2 + BATCH:
            raise Killed

    journal = Journal(tmp_path, seconds=0)
    with pytest.raises(Killed):
        method.fit(model, images, 2, labels, journal=journal, progress=progress)
    trained = []
    resumed = method.fit(
        model,
        images,
        2,
        labels,
        validation=(images, labels),
        journal=Journal(tmp_path, seconds=0),
        progress=lambda done, count: trained.append(done / count),
    )
    np.testing.assert_array_equal(resumed.pixels, undisturbed.pixels)
    assert resumed.history == undisturbed.history and min(trained) > 0.5
