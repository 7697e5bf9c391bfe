"""`craft`: the images of a sweep alone, worked on a few batches at a time."""

import numpy as np
import pytest

from attacks import FGSM, PGD, AutoAttack, Journal
from attacks.engine import budget
from blobs import blobs, plain

IMAGES, LABELS = blobs(23, seed=3)
EPSILONS = [0.3, 0.05, 0.3]
ATTACKS = {
    "FGSM": FGSM(batch_size=4),
    "PGD": PGD(steps=2, batch_size=4),
    "AutoAttack": AutoAttack(steps=2, targets=2, queries=5, batch_size=4),
}


@pytest.fixture(scope="module")
def model():
    return plain()


@pytest.fixture(autouse=True)
def two_batches_at_once(monkeypatch):
    monkeypatch.setattr(budget, "_BATCHES", 2)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_images_are_those_of_the_sweep(model, attack):
    done = []
    crafted = attack.craft(
        model, IMAGES, LABELS, epsilons=EPSILONS, progress=lambda *told: done.append(told)
    )
    swept = attack.sweep(model, IMAGES, LABELS, epsilons=EPSILONS)
    np.testing.assert_allclose(crafted, [result.images for result in swept], atol=1e-6)
    assert crafted.dtype == np.float32
    assert done == sorted(done) and done[-1] == (23, 23)


def test_images_are_written_where_the_caller_wants_them(model):
    out = np.zeros([3, *IMAGES.shape], np.float32)
    assert FGSM().craft(model, IMAGES, LABELS, epsilons=EPSILONS, out=out) is out
    np.testing.assert_array_equal(out, FGSM().craft(model, IMAGES, LABELS, epsilons=EPSILONS))
    assert FGSM().craft(model, IMAGES, LABELS, epsilons=[]).shape == (0, *IMAGES.shape)


def test_a_killed_crafting_goes_on(model, tmp_path, monkeypatch):
    attack = ATTACKS["PGD"]

    def craft(progress=None):
        journal = Journal(tmp_path, seconds=0)
        return attack.craft(
            model, IMAGES, LABELS, epsilons=EPSILONS, journal=journal, progress=progress
        )

    def kill(done, count):
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        craft(kill)
    undisturbed = attack.craft(model, IMAGES, LABELS, epsilons=EPSILONS)
    attacked, sweep_batch = [], PGD.sweep_batch

    def seen(self, task, run, batch, epsilons):
        attacked.extend(batch.ids)
        return sweep_batch(self, task, run, batch, epsilons)

    monkeypatch.setattr(PGD, "sweep_batch", seen)
    np.testing.assert_array_equal(craft(), undisturbed)
    assert attacked == list(range(12, 23))


def test_what_waits_for_the_disk_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("attacks.engine.journal._BYTES", 20)
    journal = Journal(tmp_path, seconds=1e9)
    arrays = {"images": np.zeros(3, np.float32)}  # 12 bytes
    for key, files in (("a", 0), ("b", 1), ("c", 1), ("d", 2)):
        journal.once(key, lambda: arrays)
        assert len(list(tmp_path.glob("journal-*.npz"))) == files
