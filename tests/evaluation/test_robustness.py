"""A robustness evaluation as a whole: its worst case, what it says, and what it goes on without."""

import json
import warnings
from contextlib import contextmanager
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from attacks import AutoAttack, ModelError
from blobs import blobs, plain
from data import ByteImages
from evaluation import Estimate, Robustness, evaluate_robustness
from evaluation.battery import CUSTOMARY, MULTIPLES, battery
from quick_battery import quick_autoattack

#: The epsilon leaves some of the images of an honest network.
EPSILON, IMAGES, AUTOATTACKED = 0.1, 60, 25
NAMES = ["FGSM", "PGD", "APGD-CE", "APGD-margin", "DeepFool", "AutoAttack", "Square"]
NAMES += ["PGD without a bound"]
evaluated = partial(evaluate_robustness, epsilon=EPSILON, autoattack_images=AUTOATTACKED)


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quick_autoattack():
        yield


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return plain()


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    return blobs(IMAGES, seed=1)


@pytest.fixture(scope="module")
def plainly(model, images) -> Robustness:
    """An honest network, at an epsilon where some images are left."""
    return evaluated(model, *images)


def test_every_attack_is_run_on_its_images(plainly):
    assert [arm.name for arm in plainly.arms] == NAMES
    assert [arm.images for arm in plainly.arms] == [60] * 5 + [25, 60, 60]
    assert [arm.is_check for arm in plainly.arms] == [False] * 6 + [True] * 2
    grid = [EPSILON * each for each in MULTIPLES]
    for arm in plainly.arms[:4]:
        np.testing.assert_array_equal(arm.outcomes.epsilons, grid)
    np.testing.assert_array_equal(plainly.arms[4].outcomes.epsilons, [*grid, np.inf])
    assert [arm.outcomes.epsilons.tolist() for arm in plainly.arms[5:]] == [
        [EPSILON],
        [EPSILON],
        [0.5],
    ]
    assert all(arm.seconds > 0 for arm in plainly.arms)
    assert sum(arm.seconds for arm in plainly.arms) < plainly.seconds
    assert not plainly.skipped


def by_hand(robustness: Robustness, images: int, names: list[str]) -> np.ndarray:
    """Which images are right in every row of some attacks up to the budget, one image at a time."""
    left = []
    for image in range(images):
        right = robustness.clean_predictions[image] == robustness.labels[image]
        for arm in robustness.arms:
            for row, epsilon in enumerate(arm.outcomes.epsilons):
                if arm.name in names and epsilon <= robustness.epsilon and image < arm.images:
                    right &= arm.outcomes.predictions[row, image] == robustness.labels[image]
        left.append(right)
    return np.array(left)


def test_the_worst_case_is_that_of_every_image_by_hand(plainly):
    assert plainly.attacked_by_all == AUTOATTACKED
    by_all = by_hand(plainly, AUTOATTACKED, NAMES)
    assert 0 < by_all.sum() < AUTOATTACKED
    expected = Estimate.accuracy(by_all)
    assert vars(plainly.worst_case) == vars(expected)
    of_all_images = by_hand(plainly, IMAGES, [*NAMES[:5], "Square"])
    assert vars(plainly.worst_case_of_complete) == vars(Estimate.accuracy(of_all_images))
    assert plainly.worst_case_of_complete.images == IMAGES


def test_who_broke_an_image_is_kept(plainly):
    left = by_hand(plainly, IMAGES, NAMES)
    for image in range(IMAGES):
        broken_by = plainly.broken_by(image)
        assert bool(broken_by) == (plainly.clean_correct[image] and not left[image])
        for name in broken_by:
            assert not by_hand(plainly, IMAGES, [name])[image]
        for name in {*NAMES} - {*broken_by}:
            assert by_hand(plainly, IMAGES, [name])[image] == plainly.clean_correct[image]
    lonely = [plainly.broken_by(each) for each in range(AUTOATTACKED)]
    alone = [names[0] for names in lonely if len(names) == 1]
    assert {name: count for name, count in plainly.broken_alone.items() if count} == {
        name: alone.count(name) for name in alone
    }
    assert "PGD without a bound" not in plainly.broken_alone


def test_images_are_drawn_at_random_and_told(model, images, plainly):
    x, y = images
    assert sorted(plainly.indices) == list(range(IMAGES))
    assert not np.array_equal(plainly.indices, np.arange(IMAGES))
    np.testing.assert_array_equal(plainly.labels, y[plainly.indices])
    predictions = model(x[plainly.indices], training=False).numpy().argmax(axis=1)
    np.testing.assert_array_equal(plainly.clean_predictions, predictions)


def test_what_an_honest_network_is_told(plainly):
    left, trust, advice = plainly.sentences
    worst = plainly.worst_case
    assert left.startswith(f"Within 25.5/255 in L-inf, {worst.percent()} % of 25 images stay right")
    assert "under all 7 attacks" in left and "% of 60 under the 6" in left
    assert left.endswith(f"without attack, {plainly.clean.percent()} % of 60 are right.")
    assert trust.startswith(f"None of the {len(plainly.checks)} checks raised a warning")
    assert len(plainly.checks) == 19 and "weaker than a transferred attack" not in plainly.checks
    wide = f"the interval is {100 * (worst.high - worst.low):.0f} points wide."
    assert advice.startswith("Next: attack more images") and advice.endswith(wide)


def test_curves_fall_and_the_worst_is_below_all(plainly):
    *own, (name, worst) = plainly.curves.items()
    assert name == "worst of these" and [each for each, _ in own] == NAMES[:5]
    values = [each.value for each in worst.values()]
    assert values == sorted(values, reverse=True) and values[0] == plainly.clean.value
    for _, curve in own:
        assert list(curve) == list(worst)
        assert all(worst[epsilon].value <= curve[epsilon].value for epsilon in worst)


def test_pictures_were_right_and_are_wrong(model, plainly):
    assert {each.attack for each in plainly.pictures} > {"DeepFool"}
    for each in plainly.pictures:
        before, after = model(np.stack([each.image, each.adversarial]), training=False).numpy()
        assert before.argmax() == each.label == plainly.labels[each.index]
        assert after.argmax() == each.prediction != each.label
        moved = np.abs(each.adversarial - each.image)
        assert np.isclose(moved.max(), each.linf) and each.linf <= each.epsilon + 1e-6
        assert np.isclose(np.sqrt((moved.astype(float) ** 2).sum()), each.l2)
    (search,) = [arm for arm in plainly.arms if arm.name == "DeepFool"]
    median = np.median(search.outcomes.l2[-1][search.outcomes.fooled[-1]])
    shown = [each.l2 for each in plainly.pictures if each.attack == "DeepFool"]
    assert min(shown) <= median <= max(shown)


def test_everything_goes_into_json(plainly):
    written = json.loads(json.dumps(plainly.to_dict(), allow_nan=False))
    assert written["sentences"] == list(plainly.sentences)
    assert written["worst_case"]["value"] == plainly.worst_case.value
    assert [each["name"] for each in written["attacks"]] == NAMES
    assert written["attacks"][4]["epsilons"][-1]["epsilon"] is None  # any distance
    for place, each in enumerate(written["images"]):
        assert each["index"] == plainly.indices[place]
        assert each["broken_by"] == plainly.broken_by(place)


@pytest.mark.slow
def test_saturated_logits_are_named_and_the_margin_goes_through(model, images, plainly):
    """Softmax in 32 bits hides the gradient of the cross-entropy, not the weakness."""
    saturated = evaluated(lambda x: 100 * model(x), *images)
    assert saturated.worst_case_of_complete.value <= plainly.worst_case_of_complete.value + 0.05
    left_by = {arm.name: arm.within(EPSILON).mean() for arm in saturated.arms}
    assert left_by["APGD-CE"] > left_by["APGD-margin"] + 0.3
    assert saturated.broken["AutoAttack"].sum() >= plainly.broken["AutoAttack"].sum() - 2
    _, trust, _ = saturated.sentences
    assert trust.startswith("This number can be trusted, being no higher than that of APGD-margin")
    assert '"zero gradient" (FGSM, PGD, APGD-CE and PGD without a bound)' in trust
    assert '"weaker than a black box" (PGD and APGD-CE)' in trust


def test_a_model_without_a_gradient_is_evaluated_by_what_needs_none(model, images):
    stopped = evaluated(lambda x: model(tf.stop_gradient(x)), *images, epsilon=0.05)
    assert [arm.name for arm in stopped.arms] == ["AutoAttack", "Square"]
    assert list(stopped.skipped) == [name for name in NAMES if name not in ("AutoAttack", "Square")]
    assert all("has no gradient" in reason for reason in stopped.skipped.values())
    (auto_attack, _) = stopped.arms
    assert "AutoAttack is Square alone" in auto_attack.notes[0]
    assert stopped.worst_case.images == AUTOATTACKED and stopped.complete[0].is_check is not False
    left, trust, advice = stopped.sentences
    assert "under all 2 attacks" in left
    assert trust.startswith("This number cannot be trusted, and may be too high: for want of a")
    assert "FGSM, PGD, APGD-CE, APGD-margin, DeepFool and PGD without a bound could not" in trust
    assert "smooth stand-in" in advice


def test_where_nothing_is_left_it_does_not_matter_that_attacks_fell_short(model, images):
    stopped = evaluated(lambda x: model(tf.stop_gradient(x)), *images, epsilon=0.5)
    assert stopped.worst_case.value == 0
    _, trust, advice = stopped.sentences
    assert trust.startswith("This number can be trusted, since no image is left")
    assert "train it on adversarial examples" in advice


@pytest.mark.slow
def test_a_gradient_of_nothing_is_not_trusted(model, images):
    def stopped(x):
        return model(tf.stop_gradient(x)) + 0 * tf.reduce_sum(x)

    robustness = evaluated(stopped, *images, epsilon=0.08, autoattack_images=0)
    _, trust, advice = robustness.sentences
    assert trust.startswith("This number cannot be trusted, and may be too high: ")
    assert '"zero gradient" (FGSM, PGD, APGD-CE, APGD-margin and PGD without a bound)' in trust
    assert advice.startswith('Next, for "zero gradient": divide the logits by a temperature')


@pytest.mark.slow
def test_a_random_model_is_flagged_and_no_warning_is_lost_or_doubled(model, images):
    def shaken(x):
        return model(x + tf.random.normal(tf.shape(x), stddev=0.1))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        robustness = evaluated(shaken, *images, autoattack_images=0)
    _, trust, advice = robustness.sentences
    assert trust.startswith("This number cannot be trusted: ")
    assert '"random at inference";' in trust
    assert advice.startswith('Next, for "random at inference": attack the mean of many draws')


def test_squashed_outputs_are_refused_with_the_way_out(model, images):
    with pytest.raises(ModelError, match="probabilities; accepted: logits .attacks.as_prob"):
        evaluate_robustness(lambda x: tf.nn.softmax(model(x)), *images)


class Told:
    """What an evaluation tells of its progress."""

    def __init__(self):
        self.planned, self.titles, self.last = 0, [], {}

    def plan(self, stages):
        self.planned = stages

    @contextmanager
    def stage(self, title):
        self.titles.append(title)
        yield lambda share, text: self.last.update({title: (share, text)})


@pytest.mark.slow
def test_progress_and_another_norm(model, images):
    x, y = images
    told = Told()
    bytes_of = ByteImages((255 * x).round().astype(np.uint8))
    robustness = evaluated(
        model, bytes_of, y[:, None], norm="l2", epsilon=2.0, max_images=20, progress=told
    )
    assert told.planned == len(told.titles) == 8 and told.titles == NAMES
    assert told.last["FGSM"] == (1.0, "20 of 20 images")
    assert robustness.arms[-1].outcomes.epsilons.tolist() == [8.0]  # 64 pixels
    assert (
        robustness.arms[1].outcomes.l2 <= robustness.arms[1].outcomes.epsilons[:, None] + 1e-5
    ).all()
    assert robustness.sentences[0].startswith("Within 2 in L2, ")
    assert len(robustness.labels) == 20 == robustness.worst_case.images
    assert "that were run" not in robustness.sentences[0]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"norm": "l1"}, "norm is 'l1'; accepted: 'linf', 'l2'"),
        ({"epsilon": 0.0}, "epsilon is 0; accepted: above 0, up to 1"),
        ({"epsilon": 8}, "epsilon is 8.0; accepted for linf: 0 to 1"),
        ({"max_images": 0}, "max_images is 0; accepted: a whole number, 1 or more"),
        ({"autoattack_images": -1}, "autoattack_images is -1; accepted: a whole number, 0"),
        ({"labels": np.zeros(3, int)}, "labels has 3 entries for 4 images; accepted: one per"),
        ({"labels": np.full(4, 10)}, "labels has the value 10; accepted: 0 to 9"),
        ({"images": np.zeros((0, 8, 8, 1), np.float32)}, "images is empty; accepted: one image"),
        ({"images": np.full((4, 8, 8, 1), 255.0)}, "values from 255 to 255; accepted: finite"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_bad_input(options, message, model):
    given = {"images": np.zeros((4, 8, 8, 1), np.float32), "labels": np.zeros(4, int)}
    with pytest.raises(ValueError, match=message):
        evaluate_robustness(model, **given | options)


def test_the_battery_stays_in_the_box_and_leaves_out_what_has_no_images():
    sizes = {"images": 10, "autoattack_images": 0, "seed": 0, "batch_size": 8}
    planned = battery(0.6, "linf", (8, 8, 1), **sizes)
    assert planned[0].epsilons == tuple(0.6 * each for each in MULTIPLES if each <= 1.5)
    assert "AutoAttack" not in [each.name for each in planned]
    for norm, budget in CUSTOMARY.items():
        assert {each.attack.norm for each in battery(budget, norm, (8, 8, 1), **sizes)} == {norm}


@pytest.mark.parametrize("version", ["plus", "rand"])
def test_the_battery_has_the_autoattack_that_is_asked_for(version):
    sizes = {"images": 10, "autoattack_images": 5, "seed": 3, "batch_size": 8}
    planned = battery(0.1, "linf", (8, 8, 1), **sizes, autoattack_version=version)
    (named,) = (each for each in planned if isinstance(each.attack, AutoAttack))
    assert (named.name, named.attack.version) == (f"AutoAttack {version}", version)


def test_the_version_reaches_the_battery(model, images):
    with pytest.raises(ValueError, match="version is 'best'; accepted: 'standard', 'plus', 'rand'"):
        evaluated(model, *images, autoattack_version="best")


class Counting:
    """A model that counts the images that pass through it and those whose gradient comes back."""

    def __init__(self, model):
        self.model, self.passes = model, tf.Variable(0, dtype=tf.int64)

    def __call__(self, images):
        self.passes.assign_add(tf.shape(images, tf.int64)[0])
        return self.model(self._counted_back(images))

    @property
    def _counted_back(self):
        @tf.custom_gradient
        def counted(images):
            def gradient(upstream):
                self.passes.assign_add(tf.shape(upstream, tf.int64)[0])
                return upstream

            return tf.identity(images), gradient

        return counted


class Costs(Told):
    """The passes of a counting model during each stage."""

    def __init__(self, model):
        super().__init__()
        self.model, self.passes = model, {}

    @contextmanager
    def stage(self, title):
        before = int(self.model.passes)
        with super().stage(title) as update:
            yield update
        self.passes[title] = int(self.model.passes) - before


@pytest.mark.slow
@pytest.mark.parametrize("norm, epsilon", [("linf", 0.01), ("linf", 0.3), ("l2", 0.6)])
def test_what_is_there_for_the_flags_costs_a_small_part_of_the_whole(norm, epsilon, model):
    """At the default numbers of images; where all images are broken, the rest is cheapest."""
    counting = Counting(model)
    costs = Costs(counting)
    robustness = evaluate_robustness(
        counting, *blobs(500, seed=1), norm=norm, epsilon=epsilon, progress=costs
    )
    for_flags = [arm.name for arm in robustness.arms if arm.is_check]
    assert for_flags == ["Square", "PGD without a bound"]
    assert sum(costs.passes[name] for name in for_flags) < sum(costs.passes.values()) / 4
    seconds = sum(arm.seconds for arm in robustness.arms if arm.is_check)
    assert seconds < sum(arm.seconds for arm in robustness.arms) / 4
