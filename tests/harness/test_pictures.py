"""Which images results keep of an attack: right before, wrong after, of the median distance."""

from contextlib import contextmanager

import numpy as np

import data
from harness import pictures
from harness.plan import plan_of
from harness.runner import EXAMPLES, Runner
from harness.store import Store
from made import small_arm

NAMES = [str(digit) for digit in range(10)]


class Quiet:
    """A progress that shows nothing."""

    def plan(self, stages):
        pass

    def found(self, title):
        pass

    @contextmanager
    def stage(self, title):
        yield lambda share, text: None


def test_examples_were_turned_and_a_strip_is_right_without_attack(tmp_path):
    weak, strong = 1e-6, 0.3
    arms = [small_arm(epsilons=(weak, strong), strip_of=3), small_arm(epsilons=(weak,))]
    runner = Runner(Store(tmp_path))
    runner.run(plan_of(arms, "*"), Quiet())
    outcomes = runner.outcomes(arms[0])
    images, labels = data.load("digits").x_test[:40], data.load("digits").y_test[:40]
    turned, shown = outcomes.example_rows[:-1], outcomes.example_rows[-1]
    assert 0 < len(turned) == min(EXAMPLES, outcomes.fooled[-1].sum())
    assert outcomes.fooled[-1, turned].all()
    distances = outcomes.l2[-1]
    away = np.abs(distances - np.median(distances[outcomes.fooled[-1]]))
    left_out = np.setdiff1d(np.flatnonzero(outcomes.fooled[-1]), turned)
    assert not len(left_out) or away[turned].max() <= away[left_out].min()
    of_class = np.flatnonzero(labels == 3)
    right = of_class[outcomes.clean_correct[of_class]]
    assert shown == (right if len(right) else of_class)[0]

    kept = pictures.examples(outcomes, NAMES)
    first = turned[: pictures.EXAMPLES]
    np.testing.assert_array_equal(kept["images"], images[first])
    np.testing.assert_array_equal(kept["labels"], kept["clean"])
    assert (kept["predictions"] != kept["labels"]).all()
    strip = pictures.strip(outcomes)
    np.testing.assert_array_equal(strip["strip"][0], np.round(255 * images[shown]))
    assert strip["strip_predictions"][0] == outcomes.clean_predictions[shown]

    unmoved = pictures.examples(runner.outcomes(arms[1]), NAMES)
    assert len(unmoved["images"]) == runner.outcomes(arms[1]).fooled.sum() == 0
