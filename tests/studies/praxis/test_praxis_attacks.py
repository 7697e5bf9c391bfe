"""What Praxis may have run as CW, by hand on linear networks."""

import keras
import numpy as np

from attacks import FGSM, CarliniWagner
from studies.praxis.attacks import CarliniWagnerWithin, MarginStep

#: Logits are images @ WEIGHTS.
WEIGHTS = np.array([[2.0, -1.0, 0.0], [0.0, 1.0, 3.0]], np.float32)
IMAGES = np.array([[0.8, 0.3], [0.2, 0.5]], np.float32)  # logits 1.6 -0.5 0.9; 0.4 0.3 1.5
LABELS = np.array([0, 2])


def linear():
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(3, use_bias=False)])
    model.set_weights([WEIGHTS])
    return model


def test_the_step_goes_towards_the_best_other_class():
    model = linear()
    result = MarginStep()(model, IMAGES, LABELS, epsilon=0.1)
    # Class 2 less class 0 has the gradient (-2, 3), class 0 less class 2 (2, -3).
    np.testing.assert_allclose(result.images - IMAGES, [[-0.1, 0.1], [0.1, -0.1]], atol=1e-6)
    # FGSM of the same model is compiled apart: its gradient weighs class 1 as well.
    steps = FGSM(norm="l2"), MarginStep(norm="l2")
    moved = [step(model, IMAGES, LABELS, epsilon=0.1).images - IMAGES for step in steps]
    np.testing.assert_allclose(moved[1][0], 0.1 * np.array([-2, 3]) / np.sqrt(13), atol=1e-6)
    assert np.abs(moved[0] - moved[1]).max() > 1e-3


def test_cw_counts_where_no_value_changed_by_more_than_epsilon():
    model, settings = linear(), {"search_steps": 6, "steps": 60, "learning_rate": 0.05}
    found = CarliniWagner(**settings)(model, IMAGES, LABELS)
    assert found.success.all()
    # To where 2 x - 3 y = 0, perpendicularly: by (-2, 3) times 0.7 / 13 and (2, -3) 1.1 / 13.
    expected = 3 * np.array([0.7, 1.1]) / 13
    np.testing.assert_allclose(found.distances["linf"], expected, rtol=0.05)
    epsilons = [0.01, 0.2, 0.3, 1.0]
    results = CarliniWagnerWithin(**settings).sweep(model, IMAGES, LABELS, epsilons=epsilons)
    assert [result.success.tolist() for result in results] == [
        [False, False],
        [True, False],
        [True, True],
        [True, True],
    ]
    np.testing.assert_array_equal(results[1].images[1], IMAGES[1])
    np.testing.assert_array_equal(results[3].images, found.images)
