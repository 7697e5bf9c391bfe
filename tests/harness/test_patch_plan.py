"""How patches are planned, and how they are kept."""

from dataclasses import replace

import numpy as np
import pytest

from attacks import AdversarialPatch, Patch, PatchOverlay
from harness.arms import PatchArm
from harness.patch_plan import PatchPlan
from made import small_arm


def test_the_images_are_divided_once_and_the_target_class_is_left_out():
    labels = np.repeat(np.arange(10), 5)
    trained = PatchPlan(AdversarialPatch(3), 2, "two", fitted_on=30, evaluated_on=15)
    pasted = replace(trained, method=PatchOverlay(3))
    fitted, held_out = trained.rows(labels)
    assert not set(fitted) & set(held_out)
    for rows in (fitted, held_out):
        assert (labels[rows] != 2).all() and (np.diff(rows) > 0).all()
    assert (labels[pasted.rows(labels)[0]] == 2).all()
    np.testing.assert_array_equal(pasted.rows(labels)[1], held_out)
    # All of the images but those of the class, when none are spared.
    whole = replace(trained, evaluated_on=None, target=11).rows(labels)
    np.testing.assert_array_equal(np.sort(np.concatenate(whole)), np.arange(50))
    for fitted_on in (0, 50):
        with pytest.raises(ValueError, match=f"fitted_on is {fitted_on} of 50 test images"):
            replace(trained, fitted_on=fitted_on).rows(labels)


def test_a_patch_has_a_class_and_takes_no_other():
    fields = {**vars(small_arm()), "attack": PatchPlan(PatchOverlay(3), 2, "two", 0)}
    assert PatchArm(**fields)
    with pytest.raises(ValueError, match="random_targets is True with a patch"):
        PatchArm(**{**fields, "random_targets": True})


def test_a_patch_is_kept_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).uniform(size=(2, 3, 1)).astype(np.float32)
    Patch(pixels, 4, "four", {"loss": [2.0, 1.5]}).save(tmp_path / "patch.npz")
    found = Patch.load(tmp_path / "patch.npz")
    np.testing.assert_array_equal(found.pixels, pixels)
    assert (found.target, found.name, found.history) == (4, "four", {"loss": [2.0, 1.5]})
