"""Gradients and logits that are not finite: images stay finite, and no answer is made up."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from attacks import (
    APGD,
    DDN,
    FAB,
    FGSM,
    FMN,
    JSMA,
    PGD,
    AdversarialPatch,
    AutoAttack,
    BudgetAttack,
    CarliniWagner,
    DeepFool,
    MomentumIterative,
    PatchOverlay,
    PixelSwap,
    SigmaZero,
    Square,
    Targeted,
    robust_curve,
)
from attacks.engine.gradients import finite
from evaluation import evaluate, macro_f1

BUDGET = [FGSM(), FGSM("l2"), FGSM("l1"), PGD(10, random_start=False), PGD(10, norm="l2")]
BUDGET += [MomentumIterative(5), MomentumIterative(5, norm="l2"), APGD(10)]
BUDGET += [APGD(10, norm="l2"), Square(50), AutoAttack(steps=5, targets=2, queries=20)]
# Two boundaries are as good as nine: a graph has one and whether the next is nearer.
MINIMUM_NORM = [
    DeepFool(candidates=3),
    DeepFool(norm="linf", candidates=3),
    CarliniWagner(3, 40, 0.05),
    FAB(20, candidates=3),
    DDN(40),
    FMN(40),
    FMN(40, norm="l1"),
    SigmaZero(40),
    PixelSwap(5),
    JSMA(),
]


class Root(layers.Layer):
    """A square root, whose slope at black pixels is infinite."""

    def call(self, images):
        return tf.sqrt(images)


@pytest.fixture(scope="module")
def rooted(digits):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            Root(),
            layers.Flatten(),
            layers.Dense(16, "relu"),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(*digits[:2], batch_size=64, epochs=6, verbose=0)
    predictions = model(digits[2], training=False).numpy().argmax(axis=1)
    assert np.mean(predictions == digits[3]) > 0.85
    return model


@pytest.mark.parametrize("attack", BUDGET + MINIMUM_NORM, ids=str)
def test_images_stay_finite(rooted, images, labels, attack):
    options = {"epsilon": 0.3 if attack.norm == "linf" else 2.0}
    options = options if isinstance(attack, BudgetAttack) else {}
    result = attack(rooted, images, labels, **options)
    assert np.isfinite(result.images).all()
    assert (result.images >= 0).all() and (result.images <= 1).all()
    assert np.isfinite(result.logits).all()
    for distances in result.distances.values():
        assert np.isfinite(distances).all()


@pytest.mark.parametrize(
    "attack", [PGD(20), APGD(20), CarliniWagner(5, 60, 0.05), DeepFool(candidates=3)], ids=str
)
def test_what_breaks_by_queries_breaks_by_gradients(rooted, images, labels, attack):
    black_box = Square(300)(rooted, images, labels, epsilon=0.3)
    assert black_box.success.mean() > 0.9
    options = {"epsilon": 0.3} if isinstance(attack, BudgetAttack) else {}
    assert attack(rooted, images, labels, **options).success.mean() > 0.9


def test_a_call_and_a_sweep_agree(rooted, images, labels):
    for attack in (DeepFool(candidates=3), FAB(10, candidates=3)):
        call = attack(rooted, images, labels)
        (swept,) = attack.sweep(rooted, images, labels, epsilons=[np.inf])
        np.testing.assert_array_equal(call.success, swept.success)


def test_infinite_slopes_count_as_the_steepest():
    gradient = np.float32([[np.inf, 2, -np.inf, np.nan], [0, np.inf, np.nan, 0], [1, -2, 3, 0]])
    expected = [[2, 2, -2, 0], [0, 1, 0, 0], [1, -2, 3, 0]]
    np.testing.assert_array_equal(finite(tf.constant(gradient)).numpy(), expected)


@pytest.fixture(scope="module")
def failing(cnn, digits):
    """Gives NaN on every third of the first 48 test images, however they are perturbed."""
    marked = digits[2][:48:3]
    centres = tf.constant(marked.reshape(len(marked), -1))

    def model(batch):
        rows = tf.reshape(batch, [-1, 1, 64])
        near = tf.reduce_any(tf.reduce_max(tf.abs(rows - centres), axis=2) < 0.11, axis=1)
        return tf.where(near[:, None], np.float32(np.nan), cnn(batch, training=False))

    return model


@pytest.mark.parametrize(
    "attack",
    [FGSM(), PGD(4), APGD(4), Square(5), DeepFool(candidates=3), FAB(5, candidates=3)],
    ids=str,
)
def test_nan_is_neither_a_success_nor_right(failing, cnn, images, labels, attack):
    """`AttackResult`, `robust_curve` and `evaluate` give one answer."""
    failed = np.arange(48) % 3 == 0
    outcomes = evaluate(failing, images, labels, attack, [0.1])
    table = outcomes.table()
    (result,) = attack.sweep(failing, images, labels, epsilons=[0.1])
    curve = robust_curve(failing, images, labels, attack, [0.1])
    assert not result.success[failed].any()
    np.testing.assert_array_equal(result.not_finite, failed)
    np.testing.assert_array_equal(curve.not_finite, failed)
    assert (outcomes.clean_predictions[failed] == -1).all()
    assert not outcomes.clean_correct[failed].any() and not outcomes.fooled[0, failed].any()
    np.testing.assert_allclose(table["not_finite"], failed.mean())
    right = 1 - (result.success | result.not_finite).mean()
    assert table["accuracy"][1] == pytest.approx(right)
    assert curve.accuracy[0] == pytest.approx(right, abs=0.03)  # no last iterate is judged there
    clean = np.asarray(cnn(images)).argmax(axis=1) == labels
    assert table["accuracy"][0] == pytest.approx((clean & ~failed).mean())


def test_an_ensemble_counts_no_prediction_as_wrong(failing, images, labels):
    attack = AutoAttack(steps=3, targets=1, queries=5)
    failed = np.arange(48) % 3 == 0
    outcomes = evaluate(failing, images, labels, attack, [0.01])
    (result,) = attack.sweep(failing, images, labels, epsilons=[0.01])
    assert (result.log.broken_by[failed] == "not finite").all()
    table = outcomes.table()
    assert result.log.accuracies[[0, -1]] == pytest.approx(table["accuracy"].to_numpy())
    others = Targeted((labels + 1) % 10)
    (result,) = attack.sweep(failing, images, others, epsilons=[0.01])
    assert result.log.accuracies[0] == np.mean(~others.reached(result.logits) | failed)


def test_class_0_is_not_what_nan_looks_like(images):
    """All-NaN logits have the argmax 0."""

    def model(batch):
        values = tf.reshape(batch, [-1, 64])[:, :10]
        return tf.where(tf.range(tf.shape(values)[0])[:, None] > 0, np.float32(np.nan), values)

    result = FGSM()(model, images, np.zeros(48, int), epsilon=0)
    assert not result.success[1:].any() and result.not_finite[1:].all()
    outcomes = evaluate(model, images, np.zeros(48, int), FGSM(), [0.0])
    assert outcomes.clean_correct.sum() <= 1
    assert not result.goal.reached(result.logits)[1:].any()
    assert not Targeted(np.zeros(48, int)).reached(result.logits)[1:].any()


def test_f1_counts_no_prediction_as_a_miss():
    assert macro_f1([0, 1, 1], [0, -1, 1], 2) == pytest.approx((1 + 2 / 3) / 2)


def test_the_share_of_gradients_that_are_not_finite_is_counted(rooted, cnn, images, labels):
    table = evaluate(rooted, images, labels, FGSM("l2"), [0.5]).table()
    assert table["gradient_not_finite"][1] == 1.0
    table = evaluate(cnn, images, labels, FGSM("l2"), [0.5]).table()
    assert table["gradient_not_finite"][1] == 0.0
    table = evaluate(rooted, images, labels, DeepFool(), [0.5]).table()
    assert np.isnan(table["gradient_not_finite"][1]) and np.isnan(table["zero_gradient"][1])


def test_nan_on_the_first_images_alone_is_no_reason_to_refuse(cnn, images, labels):
    def model(batch):
        is_first = tf.reduce_all(batch == images[0], axis=[1, 2, 3])
        return tf.where(is_first[:, None], np.float32(np.nan), cnn(batch, training=False))

    twelve = np.concatenate([images[:1]] * 10 + [images[1:3]])
    result = FGSM()(model, twelve, np.append([labels[0]] * 10, labels[1:3]), epsilon=0)
    np.testing.assert_array_equal(result.not_finite, [True] * 10 + [False] * 2)
    with pytest.raises(ValueError, match="not finite on each of the first 10 images"):
        FGSM()(model, twelve[:10], labels[:10], epsilon=0)


def test_a_patch_does_not_make_nan_see_its_target(cnn, images):
    """All-NaN logits have the argmax 0, which is the target."""

    def model(batch):
        marked = batch[:, 0, 0, 0] == 1
        return tf.where(marked[:, None], np.float32(np.nan), cnn(batch, training=False))

    broken = images.copy()
    broken[:, 0, 0] = 1
    mixed = np.concatenate([images[:4], broken[:20]])
    patch = AdversarialPatch(2, epochs=1).fit(
        model, images[:8], 0, np.arange(8) % 9 + 1, validation=(mixed, np.full(24, 1))
    )
    assert patch.history["validation_rate"][0] <= (4 + 3) / 24
    surest = PatchOverlay(3).fit(model, mixed, 0, np.zeros(24, int))
    expected = PatchOverlay(3).fit(cnn, mixed[:4], 0, np.zeros(4, int))
    np.testing.assert_array_equal(surest.pixels, expected.pixels)


MENDED = [DeepFool(candidates=3), DeepFool(norm="linf", candidates=3)]
MENDED += [FAB(10, candidates=3), PGD(10), Square(20), JSMA(gamma=0.5), DDN(40), FMN(40)]


@pytest.mark.parametrize("attack", MENDED, ids=str)
def test_images_stay_finite_where_logits_are_not(cnn, images, labels, attack):
    """A model that mends its input would take an image that is no number for a success."""

    def model(batch):
        mended = tf.where(tf.math.is_nan(batch), 0.3, batch)
        is_bright = tf.reduce_mean(mended, axis=[1, 2, 3])[:, None] > 0.3
        return tf.where(is_bright, np.float32(np.nan), cnn(mended, training=False))

    options = {"epsilon": 0.2} if isinstance(attack, BudgetAttack) else {}
    result = attack(model, images, labels, **options)
    assert np.isfinite(result.images).all()
    assert result.success.any() and not (result.success & result.not_finite).any()
