"""What `evaluate` reports of an attack, recomputed here without it."""

from importlib import import_module

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import layers

import models
from attacks import APGD, FGSM, PGD, DeepFool, as_logits
from evaluation import Outcomes, evaluate, wilson
from evaluation.evaluate import crafting_seconds, gaps
from evaluation.similarity import structural_similarity
from own_process import TIMES

EPSILONS = [0.02, 0.1, 0.3]
ATTACKS = [
    FGSM(),
    FGSM("l2", clip=False),
    PGD(5, random_start=False),
    PGD(5, clip=False, batch_size=16, random_start=False),
]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(16, "tanh"), layers.Dense(4)]
    )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((40, 6, 6, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def labels(model, images):
    """Right for three images in four."""
    predictions = classify(model, images)
    return np.where(np.arange(40) % 4 == 0, (predictions + 1) % 4, predictions)


def classify(model, images):
    return model(images, training=False).numpy().argmax(axis=1)


def test_similarity_is_kept_where_it_is_asked_for(model, images, labels, tmp_path):
    outcomes = evaluate(model, images, labels, FGSM(), EPSILONS, similarity=True)
    for index, epsilon in enumerate(EPSILONS):
        adversarial = FGSM()(model, images, labels, epsilon=epsilon).images
        expected = structural_similarity(images, adversarial)
        np.testing.assert_allclose(outcomes.ssim[index], expected, rtol=1e-5)
        changed = (adversarial != images).reshape(len(images), -1).sum(axis=1)
        np.testing.assert_array_equal(outcomes.l0[index], changed)
    assert (np.diff(outcomes.ssim.mean(axis=1)) < 0).all()  # farther away, less alike
    outcomes.save(tmp_path / "outcomes.npz")
    np.testing.assert_array_equal(Outcomes.load(tmp_path / "outcomes.npz").ssim, outcomes.ssim)
    assert evaluate(model, images, labels, FGSM(), EPSILONS).ssim is None


def test_an_image_that_was_left_alone_is_not_undone_by_rounding(model, images, labels):
    outcomes = evaluate(model, images, labels, DeepFool(), [1e-9, np.inf])
    assert outcomes.rounds_away[0].all() and not outcomes.linf[0].any()
    assert outcomes.table()["rounds_away"].tolist()[1] == 0


@pytest.mark.parametrize("predicted_labels", [False, True])
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_outcomes_recomputed(model, images, labels, attack, predicted_labels):
    outcomes = evaluate(model, images, labels, attack, EPSILONS, predicted_labels=predicted_labels)
    clean = classify(model, images)
    np.testing.assert_array_equal(outcomes.labels, labels)
    np.testing.assert_array_equal(outcomes.clean_predictions, clean)
    assert outcomes.clean_correct.mean() == 0.75
    previous = images
    for index, epsilon in enumerate(EPSILONS):
        # What is attacked for differs, what is counted does not.
        attacked_for = clean if predicted_labels else labels
        adversarial = attack(model, images, attacked_for, epsilon=epsilon).images
        predictions = classify(model, adversarial)
        np.testing.assert_array_equal(outcomes.predictions[index], predictions)
        np.testing.assert_array_equal(outcomes.correct[index], predictions == labels)
        stored = (np.clip(adversarial, 0, 1) * 255 + 0.5).astype(np.uint8)
        rounded = classify(model, stored.astype(np.float32) / 255)
        np.testing.assert_array_equal(outcomes.rounded_predictions[index], rounded)
        change = (adversarial - images).reshape(40, -1).astype(np.float64)
        np.testing.assert_allclose(outcomes.linf[index], np.abs(change).max(axis=1))
        np.testing.assert_allclose(outcomes.l2[index], np.linalg.norm(change, axis=1))
        outside = ((adversarial < 0) | (adversarial > 1)).any(axis=(1, 2, 3))
        np.testing.assert_array_equal(outcomes.out_of_range[index], outside)
        np.testing.assert_array_equal(outcomes.examples[index], adversarial[:8])
        moved = np.abs(adversarial - previous).reshape(40, -1).max(axis=1)
        np.testing.assert_allclose(outcomes.linf_to_previous[index], moved)
        assert outcomes.table()["max_linf_to_previous"][1 + index] == pytest.approx(moved.max())
        previous = adversarial
    np.testing.assert_array_equal(outcomes.example_images, images[:8])
    assert (outcomes.gradient_evaluations == getattr(attack, "steps", 1)).all()
    assert outcomes.out_of_range.any() != attack.clip
    assert outcomes.correct[-1].sum() < outcomes.clean_correct.sum()
    assert outcomes.seconds > 0


def test_predicted_labels_and_true_labels_differ(model, images, labels):
    own = evaluate(model, images, labels, FGSM(), [0.1], predicted_labels=True)
    true = evaluate(model, images, labels, FGSM(), [0.1])
    wrong = np.arange(40) % 4 == 0
    # Leaving the own prediction can only help an image that was wrong.
    assert own.correct[0, wrong].any() and not true.correct[0, wrong].any()
    np.testing.assert_array_equal(own.predictions[0, ~wrong], true.predictions[0, ~wrong])


def boundary(images):
    """Two classes on either side of a mean of 1/2."""
    mean = tf.reduce_mean(tf.reshape(images, [-1, 36]), axis=1)
    return tf.stack([tf.zeros_like(mean), 100 * (mean - 0.5)], axis=1)


def test_less_than_half_a_grey_level_is_rounded_away():
    # Grey levels next to the boundary: pairs that cancel, but for one level up or down.
    half = np.random.default_rng(1).integers(60, 190, (40, 18))
    levels = np.concatenate([half, 255 - half], axis=1)
    levels[:, 0] += np.where(np.arange(40) % 2, 1, -1)
    images = (levels / 255).astype(np.float32).reshape(40, 6, 6, 1)
    own = boundary(images).numpy().argmax(axis=1)
    small, large = 0.45 / 255, 0.55 / 255
    outcomes = evaluate(boundary, images, own, FGSM(), [small, large])
    np.testing.assert_array_equal(outcomes.predictions[0], 1 - own)
    np.testing.assert_array_equal(outcomes.rounded_predictions[0], own)
    np.testing.assert_array_equal(outcomes.rounded_predictions[1], 1 - own)


def test_probabilities_taken_for_logits(model, images, labels):
    classifier = models.with_softmax(model)
    with pytest.raises(ValueError, match="ends in softmax"):
        evaluate(classifier, images, labels, FGSM(), [0.1])
    outcomes = evaluate(as_logits(classifier), images, labels, FGSM(), [0.1])
    np.testing.assert_array_equal(outcomes.clean_predictions, classify(model, images))
    assert outcomes.correct.sum() < outcomes.clean_correct.sum()


def test_table(model, images, labels):
    outcomes = evaluate(model, images, labels, FGSM(clip=False), EPSILONS)
    table = outcomes.table()
    assert table.epsilon.tolist() == [0.0, *EPSILONS]
    correct = [outcomes.clean_correct.sum(), *outcomes.correct.sum(axis=1)]
    assert table.correct.tolist() == correct
    assert (table.images == 40).all()
    for row in table.itertuples():
        assert row.accuracy == row.correct / 40
        assert (row.ci_low, row.ci_high) == wilson(row.correct, 40)
    assert table.mean_linf.tolist()[1:] == pytest.approx(EPSILONS, rel=1e-5)
    rounded = (outcomes.rounded_predictions == labels).mean(axis=1)
    assert table.rounded_accuracy.tolist()[1:] == rounded.tolist()
    assert table.out_of_range.tolist()[1:] == outcomes.out_of_range.mean(axis=1).tolist()
    assert table.loc[0, ["mean_linf", "rounded_accuracy"]].isna().all()
    assert isinstance(table, pd.DataFrame)


@pytest.mark.parametrize("temperature, saturated", [(1.0, True), (1e4, False)])
def test_images_without_a_gradient_are_counted(images, temperature, saturated):
    def step(pixels):  # 1e4 times the logits: the loss of a confident image is exactly 0
        return 1e4 * boundary(pixels)

    mean = images.mean(axis=(1, 2, 3))
    confident = np.abs(mean - 0.5) > 1e-3
    assert confident.sum() > 30
    labels = (mean > 0.5).astype(int)
    labels[:4] = 1 - labels[:4]  # wrong at any confidence: there is a gradient
    outcomes = evaluate(step, images, labels, FGSM(temperature=temperature), [0.0, 0.3])
    expected = confident & (np.arange(40) >= 4) if saturated else np.zeros(40, bool)
    np.testing.assert_array_equal(outcomes.zero_gradient[confident], expected[confident])
    assert outcomes.table().zero_gradient[1] == outcomes.zero_gradient.mean()
    # Such images stand still, and count as robust: what the flag is for.
    still = outcomes.linf[1] == 0
    np.testing.assert_array_equal(still, outcomes.zero_gradient)


@pytest.mark.parametrize("predicted_labels", [False, True])
def test_large_images_are_done_in_parts(monkeypatch, model, images, labels, predicted_labels):
    def run(shares, kept=(1, 9, 39)):
        # A random start is drawn for an image, whatever part it is in.
        attack = PGD(3, random_start=True, batch_size=4)
        return evaluate(
            model,
            images,
            labels,
            attack,
            EPSILONS,
            predicted_labels=predicted_labels,
            examples=kept,
            progress=lambda done, count: shares.append(done / count),
        )

    whole = run([])
    # Of three epsilons, and three copies, nine images fit with their logits: two batches of four.
    # `evaluation.evaluate` is the function; its module has to be asked for.
    module = import_module("evaluation.evaluate")
    monkeypatch.setattr(module, "_PART_BYTES", 9 * (3 + 3) * (36 + 4) * 4)
    shares = []
    parts = run(shares)
    for field, value in vars(whole).items():
        if value is not None and field not in TIMES:
            np.testing.assert_allclose(getattr(parts, field), value, atol=1e-6, err_msg=field)
    assert shares == [batch / 10 for batch in range(1, 11)]
    np.testing.assert_array_equal(parts.example_images, images[[1, 9, 39]])
    assert parts.examples.shape == (3, 3, 6, 6, 1)


def test_probabilities_of_the_examples(model, images, labels):
    outcomes = evaluate(model, images, labels, FGSM(), EPSILONS, examples=[3, 5])
    assert outcomes.example_probabilities.shape == (4, 2, 4)
    for index, shown in enumerate([images[[3, 5]], *outcomes.examples]):
        expected = tf.nn.softmax(model(shown)).numpy()
        np.testing.assert_allclose(outcomes.example_probabilities[index], expected, atol=1e-6)
    treated = as_logits(models.with_softmax(model))
    same = evaluate(treated, images, labels, FGSM(), EPSILONS, examples=[3, 5])
    np.testing.assert_allclose(
        same.example_probabilities[0], outcomes.example_probabilities[0], atol=1e-6
    )


@pytest.mark.parametrize("name", ["outcomes.npz", "outcomes"])
def test_saved_and_loaded(model, images, labels, tmp_path, name):
    outcomes = evaluate(model, images, labels, FGSM(), EPSILONS, examples=3)
    outcomes.save(tmp_path / name)
    loaded = Outcomes.load(tmp_path / name)
    for field, value in vars(outcomes).items():
        stored = getattr(loaded, field)
        assert type(stored) is type(value)
        np.testing.assert_array_equal(stored, value)
        if isinstance(value, np.ndarray):
            assert stored.dtype == value.dtype
    assert loaded.examples.shape == (3, 3, 6, 6, 1)
    pd.testing.assert_frame_equal(loaded.table(), outcomes.table())


def test_the_examples_kept_are_those_asked_for(model, images, labels):
    few = evaluate(model, images, labels, FGSM(), EPSILONS, examples=[0, 7, 3])
    for kept, rows in ((np.int64(3), [0, 1, 2]), (np.arange(len(images)) == 5, [5])):
        same = evaluate(model, images, labels, FGSM(), EPSILONS, examples=kept)
        assert same.example_rows.tolist() == rows
    every = evaluate(model, images, labels, FGSM(), EPSILONS, examples=len(images))
    np.testing.assert_array_equal(few.example_images, images[[0, 7, 3]])
    np.testing.assert_array_equal(few.examples, every.examples[:, [0, 7, 3]])


def test_no_epsilon_leaves_the_clean_accuracy(model, images, labels):
    outcomes = evaluate(model, images, labels, PGD(2, random_start=False), [])
    assert outcomes.predictions.shape == (0, 40)
    assert outcomes.table().accuracy.tolist() == [0.75]


# Whichever labels are attacked for, accuracy is counted against those given.
@pytest.mark.parametrize("predicted_labels", [False, True])
@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda x, y: (x[:0], y[:0]), "images is empty; accepted: one image or more"),
        (lambda x, y: (x * 255, y), "images have values .*; accepted"),
        (lambda x, y: (np.round(x).astype(int), y), "images have .* type int64; accepted"),
        (lambda x, y: (x, y[:-1]), "labels has 39 entries for 40 images"),
        (lambda x, y: (x, y + 1), "labels has the value 4; accepted: 0 to 3"),
        (lambda x, y: (x, y.astype(float)), "labels has .* type float64; accepted"),
        (lambda x, y: (x, np.eye(4, dtype=int)[y]), r"labels has shape \(40, 4\)"),
    ],
)
def test_refused_input(model, images, labels, wrong, message, predicted_labels):
    with pytest.raises(ValueError, match=message):
        evaluate(model, *wrong(images, labels), FGSM(), [0.1], predicted_labels=predicted_labels)


def test_one_run_of_a_minimum_norm_attack_serves_all_epsilons(model, images, labels):
    nearest = DeepFool()(model, images, labels)
    epsilons = [*np.quantile(nearest.distances["l2"], [0.4, 0.6, 0.8]), np.inf]
    outcomes = evaluate(model, images, labels, DeepFool(), epsilons)
    for index, epsilon in enumerate(epsilons):
        within = nearest.distances["l2"] <= epsilon
        broken = within & (nearest.logits.argmax(axis=1) != labels)
        np.testing.assert_array_equal(outcomes.correct[index], ~broken)
        np.testing.assert_allclose(outcomes.l2[index], np.where(within, nearest.distances["l2"], 0))
    accuracies = outcomes.table().accuracy
    assert accuracies.iloc[0] == 0.75 > accuracies.iloc[1] > accuracies.iloc[3] > 0
    assert accuracies.iloc[4] == 0


def test_targets(model, images, labels, tmp_path):
    targets = (labels + 1) % 4
    outcomes = evaluate(
        model, images, labels, PGD(5, random_start=False), [0.05, 0.3], targets=targets
    )
    np.testing.assert_array_equal(outcomes.targets, targets)
    rates = outcomes.table().target_rate
    np.testing.assert_allclose(rates[1:], (outcomes.predictions == targets).mean(axis=1))
    assert rates[2] > rates[1]
    outcomes.save(tmp_path / "outcomes.npz")
    np.testing.assert_array_equal(Outcomes.load(tmp_path / "outcomes.npz").targets, targets)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"targets": lambda y: y}, r"classes\[0\] is ., which is the label of that image"),
        ({"targets": lambda y: (y[:-1] + 1) % 4}, "labels has 40 entries for 39 classes"),
        ({"targets": lambda y: y + 4}, "classes has the value .; accepted: 0 to 3"),
        (
            {"targets": lambda y: (y + 1) % 4, "predicted_labels": True},
            "predicted_labels is True with",
        ),
    ],
)
def test_refused_targets(model, images, labels, change, message):
    change = change | {"targets": change["targets"](labels)}
    with pytest.raises(ValueError, match=message):
        evaluate(model, images, labels, PGD(2, random_start=False), [0.1], **change)


def test_a_transfer_attack_is_crafted_on_one_model_and_counted_on_another(model, images, labels):
    keras.utils.set_random_seed(1)
    surrogate = keras.models.clone_model(model)
    flat = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(4)])
    flat.set_weights([np.zeros((36, 4)), np.arange(4.0)])
    outcomes = evaluate(model, images, labels, FGSM(), EPSILONS, surrogate=surrogate)
    for index, epsilon in enumerate(EPSILONS):
        adversarial = FGSM()(surrogate, images, labels, epsilon=epsilon).images
        np.testing.assert_array_equal(outcomes.examples[index], adversarial[:8])
        np.testing.assert_array_equal(outcomes.predictions[index], classify(model, adversarial))
    np.testing.assert_array_equal(outcomes.clean_predictions, classify(model, images))
    assert not outcomes.zero_gradient.any()

    # It is the surrogate whose gradient may be zero, and nothing moves then.
    stuck = evaluate(model, images, labels, FGSM(), EPSILONS, surrogate=flat)
    assert stuck.zero_gradient.all()
    np.testing.assert_array_equal(stuck.correct, np.tile(stuck.clean_correct, (3, 1)))


def test_crafting_time_leaves_out_the_batch_that_compiles():
    batches = [(0, 10.0), (4, 18.0), (8, 19.0), (10, 19.5)]
    # The six images after the first batch took the two seconds until the end, at 20.
    assert crafting_seconds(batches, 10.0, 10) == pytest.approx(2 / 6)
    assert crafting_seconds([(0, 1.0), (5, 3.0)], 2.5, 5) == 0.5
    assert crafting_seconds([(0, 1.0)], 2.0, 4) == 0.5


def test_gaps_are_between_the_two_highest_probabilities():
    probabilities = np.array([[0.1, 0.7, 0.2], [0.4, 0.2, 0.4]])
    np.testing.assert_allclose(gaps(probabilities), [0.5, 0.0], atol=1e-12)


@pytest.mark.parametrize("attack", [PGD(3), DeepFool()], ids=str)
def test_distances_of_what_was_fooled(model, images, labels, attack):
    """Failures and images that were wrong without attack say nothing of a perturbation."""
    wrong = labels.copy()
    wrong[:20] = (np.asarray(model(images)).argmax(axis=1)[:20] + 1) % 4
    outcomes = evaluate(model, images, wrong, attack, [0.05])
    row = outcomes.table().iloc[1]
    was_right = outcomes.clean_predictions == wrong
    turned = outcomes.predictions[0] != wrong
    assert not was_right[:20].any() and 0 < (was_right & turned).sum() < was_right.sum()
    assert row.fooled == (was_right & turned).sum() == outcomes.fooled.sum()
    distances = outcomes.l2[0, was_right & turned]
    assert row.fooled_mean_l2 == pytest.approx(distances.mean())
    assert row.fooled_median_l2 == pytest.approx(np.median(distances))
    assert row.fooled_mean_linf == pytest.approx(outcomes.linf[0, was_right & turned].mean())
    changed = outcomes.l0[0, was_right & turned].mean()
    assert row.fooled_mean_l0 == pytest.approx(changed) and changed > 1
    assert row.fooled_mean_l0_share == pytest.approx(changed / images[0].size)
    if isinstance(attack, DeepFool):  # failures and the images left alone count as 0 there
        assert row.mean_l2 < row.fooled_mean_l2


def test_of_a_targeted_attack_what_reached_its_target_was_fooled(model, images, labels):
    targets = (labels + 1) % 4
    outcomes = evaluate(model, images, labels, PGD(10), [0.3], targets=targets)
    expected = (outcomes.predictions == targets) & outcomes.clean_correct
    np.testing.assert_array_equal(outcomes.fooled, expected)
    assert outcomes.fooled.any()


def test_labels_in_a_column_and_what_is_stored(model, images, labels, tmp_path):
    for attack in (FGSM(), DeepFool(2)):
        expected = evaluate(model, images, labels, attack, [0.1])
        outcomes = evaluate(model, images, labels[:, None], attack, [0.1])
        outcomes.save(tmp_path / "stored.npz")
        stored = Outcomes.load(tmp_path / "stored.npz")
        tables = [
            each.table().drop(columns=TIMES, errors="ignore")
            for each in (expected, outcomes, stored)
        ]
        pd.testing.assert_frame_equal(tables[0], tables[1])
        pd.testing.assert_frame_equal(tables[1], tables[2])


def test_gradients_are_those_of_the_loss_that_is_climbed(images, labels):
    """Softmax in float32 saturates where the margin does not."""

    def sure(batch):
        return 1e4 * tf.reshape(batch, [-1, 36])[:, :4]

    truth = np.asarray(sure(images)).argmax(axis=1)
    shares = [
        evaluate(sure, images, truth, attack, [0.1]).table()["zero_gradient"][1]
        for attack in (FGSM(), APGD(3, loss="margin"), FGSM(temperature=1e4))
    ]
    assert shares[0] > 0.5 and shares[1] == 0 and shares[2] == 0


def test_norms_of_gradients(model, images, labels):
    outcomes = evaluate(model, images, labels, FGSM(batch_size=16), [0.1])
    pixels = tf.Variable(images)
    with tf.GradientTape() as tape:
        loss = tf.keras.losses.sparse_categorical_crossentropy(labels, model(pixels), True)
    gradient = tape.gradient(loss, pixels).numpy().reshape(40, -1)
    for order, name in ((1, "gradient_l1"), (2, "gradient_l2")):
        norms = np.linalg.norm(gradient, order, axis=1)
        np.testing.assert_allclose(getattr(outcomes, name), norms, rtol=1e-5)
        assert outcomes.table()[name][1] == pytest.approx(norms.mean(), rel=1e-5)
    assert evaluate(model, images, labels, DeepFool(), [0.1]).gradient_l2 is None


@pytest.mark.parametrize("slope", [1e25, 1e-25])
def test_norms_of_gradients_whose_squares_32_bits_do_not_hold(images, slope):
    outcomes = evaluate(
        lambda x: tf.reshape(x, [-1, 36])[:, :2] * [slope, 0.0],
        images[:4],
        np.ones(4, int),
        APGD(2, loss="margin"),
        [0.1],
    )
    np.testing.assert_allclose(outcomes.gradient_l2, slope, rtol=1e-5)


def test_gradients_of_a_target_are_those_towards_it(images):
    def sure(batch):
        return 1e4 * tf.reshape(batch, [-1, 36])[:, :4]

    truth = np.asarray(sure(images)).argmax(axis=1)
    away, towards = (
        evaluate(sure, images, truth, PGD(2), [0.1], targets=targets).table()["zero_gradient"][1]
        for targets in (None, (truth + 1) % 4)
    )
    assert away > 0.5 and towards == 0
