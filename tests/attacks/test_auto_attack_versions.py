"""AutoAttack's versions, the log of what broke which image, and what it warns of."""

import logging
import warnings

import numpy as np
import pytest
import tensorflow as tf

from attacks import APGD, FAB, AutoAttack, Journal, NoGradientError, Square, Targeted, black_box
from attacks.auto_attack import name_of
from attacks.auto_attack_checks import warn_of_square
from attacks.engine.gradients import mean_loss_gradient
from attacks.engine.losses import margin
from attacks.engine.task import Task
from attacks.ensemble_log import EnsembleLog

SMALL = {"steps": 5, "targets": 2, "queries": 20}


@pytest.fixture(scope="module", params=["standard", "plus"])
def swept(request, cnn, images, labels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # few steps leave images to Square
        attack = AutoAttack(version=request.param, **SMALL)
        return attack, attack.sweep(cnn, images, labels, epsilons=[0, 0.03, 0.09])


def test_the_plus_version():
    assert AutoAttack("l2", "plus", seed=3).attacks(10) == (
        APGD(norm="l2", seed=3, stop_at_success=True, restarts=5),
        APGD(norm="l2", seed=3, loss="dlr", stop_at_success=True, restarts=5),
        FAB(norm="l2", seed=3, restarts=5),
        Square(norm="l2", seed=3, schedule_queries=10_000),
        APGD(norm="l2", seed=3, loss="dlr", targets=9, stop_at_success=True),
        FAB(norm="l2", seed=3, targets=9),
    )


def test_the_rand_version():
    assert AutoAttack(version="rand").attacks(10) == (
        APGD(draws=20),
        APGD(loss="dlr", draws=20),
    )


@pytest.mark.parametrize(
    "version, classes, targeted, names",
    [
        ("standard", 10, False, "APGD-CE, APGD-T, FAB-T, Square"),
        ("standard", 10, True, "APGD-CE, APGD-DLR, FAB, Square"),
        ("standard", 2, False, "APGD-CE, APGD-margin, FAB-T, Square"),
        ("plus", 10, False, "APGD-CE, APGD-DLR, FAB, Square, APGD-T, FAB-T"),
        ("plus", 3, False, "APGD-CE, APGD-DLR, FAB, Square, FAB-T"),
        ("plus", 10, True, "APGD-CE, APGD-DLR, FAB, Square"),
        ("rand", 2, False, "APGD-CE, APGD-margin"),
        ("rand", 3, True, "APGD-CE, APGD-margin"),
    ],
)
def test_the_names_of_what_is_run(version, classes, targeted, names):
    parts = AutoAttack(version=version).attacks(classes, targeted)
    assert ", ".join(map(name_of, parts)) == names


def test_another_version_is_refused():
    message = "version is 'custom'; accepted: 'standard', 'plus', 'rand'$"
    with pytest.raises(ValueError, match=message):
        AutoAttack(version="custom")


def test_every_image_that_is_broken_has_one_attack_that_broke_it(cnn, images, labels, swept):
    clean = cnn(images, training=False).numpy().argmax(axis=1) != labels
    attack, (zero, *others) = swept
    assert set(zero.log.broken_by) == {"clean", "none"}
    for result in (zero, *others):
        log = result.log
        np.testing.assert_array_equal(log.broken_by != "none", result.success)
        np.testing.assert_array_equal(log.broken_by == "clean", clean)
        assert clean.sum() + log.broken.sum() == result.success.sum()
        assert log.accuracies[0] == pytest.approx(1 - clean.mean())
        assert log.accuracies[-1] == pytest.approx(1 - result.success.mean())
        assert (np.diff(log.accuracies) <= 0).all()
        assert len(log.attacks) == len(log.seconds) == len(attack.attacks(10))
    assert len(set(others[-1].log.broken_by)) > 2


def test_the_first_attack_that_breaks_an_image_is_the_one_named(cnn, images, labels, swept):
    attack, (*_, result) = swept
    first = attack.attacks(10)[0]
    (alone,) = first.sweep(cnn, images, labels, epsilons=[0.09])
    named = np.isin(result.log.broken_by, ["clean", "APGD-CE"])
    np.testing.assert_array_equal(named, alone.success)


def test_the_lines_that_the_field_knows():
    by = np.array(["clean", "APGD-CE", "Square", "none", "none"])
    log = EnsembleLog(("APGD-CE", "Square"), by, np.array([1.25, 2.0]))
    assert str(log).splitlines() == [
        "initial accuracy: 80.00%",
        "robust accuracy after APGD-CE: 60.00% (total time 1.2 s)",
        "robust accuracy after Square: 40.00% (total time 3.2 s)",
    ]
    aimed = EnsembleLog(("FAB",), by[:1], np.array([0.0]), targeted=True)
    assert aimed.lines[0] == "not at the target: 0.00%"
    assert EnsembleLog((), by[:0], np.zeros(0)).lines == ["initial accuracy: 100.00%"]


def test_a_sweep_logs_line_by_line(cnn, images, labels, caplog):
    attack = AutoAttack(steps=2, targets=1, queries=2)
    with caplog.at_level(logging.INFO, "attacks"):
        results = attack.sweep(cnn, images[:8], labels[:8], epsilons=[0.01, 0.02])
    said = [record.getMessage() for record in caplog.records]
    expected = []
    for epsilon, result in zip((0.01, 0.02), results):
        names = "APGD-CE, APGD-T, FAB-T, Square"
        expected += [f"AutoAttack standard within {epsilon}: {names}", *result.log.lines]
    assert said == expected


def random_model(cnn, stddev):
    def model(batch):
        logits = cnn(batch, training=False)
        return logits + tf.random.normal(tf.shape(logits), stddev=stddev)

    return model


@pytest.mark.filterwarnings("ignore:model is random at inference")
def test_rand_on_a_random_model(cnn, images, labels):
    model, attack = random_model(cnn, 0.5), AutoAttack(version="rand", steps=5)
    weak, strong = attack.sweep(model, images, labels, epsilons=[0.001, 0.2])
    assert weak.log.accuracies[-1] > 0.6 > 0.2 > strong.log.accuracies[-1]
    left = strong.log.broken_by == "none"
    assert set(strong.gradient_evaluations[left]) <= {2 * 5 * 20}
    assert attack.most_of_run(10, (8, 8, 1)).gradients == 2 * 5 * 20


@pytest.mark.filterwarnings("ignore:model is random at inference")
def test_what_a_journal_keeps_of_a_random_model_is_not_drawn_again(tmp_path, cnn, images, labels):
    model, attack = random_model(cnn, 1.0), AutoAttack(version="rand", steps=2, batch_size=10)

    def crafted():
        task = Task(model, images, labels, batch_size=10)
        kept = task.with_journal(Journal(tmp_path, seconds=0))
        return attack.crafted_within(kept, [0.05])[0]

    first, again = crafted(), crafted()
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.log.broken_by, again.log.broken_by)
    np.testing.assert_array_equal(first.log.seconds, again.log.seconds)
    assert len(set(first.log.broken_by)) > 2


def test_the_mean_gradient_of_several_passes():
    tf.random.set_seed(0)

    def logits_of(images):
        total = tf.reduce_sum(images, axis=1, keepdims=True)
        slope = tf.random.normal(tf.shape(total), mean=1.0, stddev=1.0)
        return tf.concat([0 * total, slope * total], axis=1)

    pixels, classes = tf.fill([2000, 3], 0.5), tf.zeros([2000], tf.int64)

    @tf.function(autograph=False)
    def gradient(draws=25):
        return mean_loss_gradient(draws, logits_of, pixels, classes, 1.0, 1.0, margin)

    slopes = gradient()[0].numpy()[:, 0]
    assert slopes.mean() == pytest.approx(1, abs=0.03)
    assert slopes.std() == pytest.approx(1 / np.sqrt(25), rel=0.1)


def test_several_draws_of_a_model_that_is_not_random_change_nothing(cnn, images, labels):
    one = APGD(steps=5)(cnn, images, labels, epsilon=0.05)
    several = APGD(steps=5, draws=3)(cnn, images, labels, epsilon=0.05)
    np.testing.assert_array_equal(several.success, one.success)
    np.testing.assert_allclose(several.images, one.images, atol=1e-6)
    np.testing.assert_array_equal(several.gradient_evaluations, 3 * one.gradient_evaluations)


SHORT = AutoAttack(steps=2, targets=1, queries=2)


def warned(model, images, labels, attack=SHORT, epsilon=0.01):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Tracing on Python 3.13 warns of what TensorFlow will have to change.
        warnings.simplefilter("ignore", DeprecationWarning)
        attack(model, images, labels, epsilon=epsilon)
    return " | ".join(str(each.message) for each in caught)


def test_nothing_is_said_of_an_honest_model(cnn, images, labels):
    assert warned(cnn, images, labels) == ""


def test_what_is_said_of_a_random_model(cnn, images, labels):
    model = random_model(cnn, 1.0)
    assert "AutoAttack's version is 'standard' for a model that is random" in warned(
        model, images, labels
    )
    rand = AutoAttack(version="rand", steps=2)
    assert "AutoAttack's version" not in warned(model, images, labels, rand)
    assert "'rand' for a model that gives the same outputs twice" in warned(
        cnn, images, labels, rand
    )


def purified(model):
    """A step away from what the model is sure of, before every prediction."""

    def purify(batch):
        with tf.GradientTape() as tape:
            tape.watch(batch)
            certainty = tf.reduce_max(model(batch, training=False), axis=1)
        return batch - 0.001 * tape.gradient(certainty, batch)

    return lambda batch: model(purify(batch), training=False)


def test_what_is_said_of_a_model_that_adapts(cnn, images, labels):
    said = warned(purified(cnn), images, labels)
    assert said.startswith("model takes gradients of its own at inference")


def test_what_is_said_of_a_gradient_that_is_zero(cnn, images, labels):
    def flat(batch):  # no pixel changes it, although there is a gradient
        return cnn(tf.clip_by_value(batch, 2.0, 3.0) - 2.0 + tf.stop_gradient(batch))

    assert "gradient of the loss 'dlr' is zero on more than 5% of the first images" in warned(
        flat, images, labels
    )


@pytest.mark.parametrize("by_square, warns", [(0, False), (1, False), (2, True)])
def test_what_is_said_of_square(by_square, warns):
    by = np.full(600, "APGD-CE")
    by[:by_square] = "Square"
    log = EnsembleLog(("APGD-CE", "Square"), by, np.zeros(2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_square(log)
        warn_of_square(EnsembleLog(("Square",), np.full(9, "Square"), np.zeros(1)))
        warn_of_square(EnsembleLog(("Square", "FAB"), np.full(9, "Square"), np.zeros(2)))
    assert [str(each.message)[:28] for each in caught] == ["Square breaks more than 0.2%"] * warns


def test_rand_needs_a_gradient(cnn, images, labels):
    model = black_box(lambda batch: np.asarray(cnn(batch)), 10)
    with pytest.raises(NoGradientError), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        AutoAttack(version="rand", steps=2)(model, images, labels, epsilon=0.1)


def test_a_target(cnn, images, labels):
    goal = Targeted((labels + 1) % 10)
    attack = AutoAttack(version="plus", steps=5, queries=20)
    result = attack(cnn, images, goal, epsilon=0.2)
    np.testing.assert_array_equal(result.log.broken_by != "none", result.success)
    assert result.log.targeted and result.success.any()
