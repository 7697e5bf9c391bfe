"""The saliency map attack: which pairs it chooses, how many steps it takes, and where it stops."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from attacks import JSMA, Targeted, Untargeted, robust_curve
from attacks.jsma import best_pairs

#: How fast the logit of class 1 rises with each value, and how fast that of class 0 falls. The best
#: pair is (4, 5), although value 4 lowers the target and value 5 raises the other: (5 - 1) (9 - 2)
#: is 28. Next are (0, 2) with 3 x 7, and (1, 3) with 3 x 3.
RISES = np.array([3.0, 1.0, 0.0, 2.0, -1.0, 5.0], np.float32)
FALLS = np.array([1.0, 4.0, 6.0, -1.0, 9.0, -2.0], np.float32)
BLACK = np.zeros((1, 6), np.float32)


def linear(ahead, rises=RISES, falls=FALLS):
    """Class 0 is `ahead` of class 1 on a black image; class 2 is far behind."""
    weights = np.stack([-falls, rises, 0 * rises], axis=1)
    return lambda images: images @ weights + np.float32([ahead, 0, -100])


def changed(result):
    return [np.flatnonzero(image).tolist() for image in result.images - result.originals]


def every_pair(rises, falls):
    """The score of the best pair of one image, from a table of all; 0 for none."""
    both_rise, both_fall = (np.add.outer(each, each) for each in (rises, falls))
    scores = np.where((both_rise > 0) & (both_fall > 0), both_rise * both_fall, 0)
    np.fill_diagonal(scores, 0)
    return scores.max()


def alike(generator):
    rises = generator.normal(size=(40, 30))
    return rises, rises


def opposed(generator):
    """Every value is on the front: what rises more falls less."""
    rises = generator.normal(size=(40, 30))
    return rises, 0.5 - rises


def with_ties(generator):
    return generator.integers(-2, 3, size=(2, 40, 30))


def independent(generator):
    return generator.normal(size=(2, 40, 30))


def hopeless(generator):
    """Neither sum of any pair is above 0 where the other one is."""
    rises = generator.uniform(1, 2, size=(40, 30))
    return rises, -rises


@pytest.mark.parametrize("made", [alike, opposed, with_ties, independent, hopeless])
def test_the_search_is_exact(made):
    generator = np.random.default_rng(0)
    rises, falls = (np.float32(each) for each in made(generator))
    left_out = generator.random(rises.shape) < np.linspace(0, 1, len(rises))[:, None]
    rises, falls = (np.where(left_out, np.float32(-np.inf), each) for each in (rises, falls))
    first, second, exists = (each.numpy() for each in best_pairs(rises, falls))
    rows = np.arange(len(rises))
    scores = (rises[rows, first] + rises[rows, second]) * (falls[rows, first] + falls[rows, second])
    with np.errstate(invalid="ignore"):  # what is left out, added to itself
        expected = np.array([every_pair(*each) for each in zip(rises, falls)])
    np.testing.assert_array_equal(exists, expected > 0)
    np.testing.assert_allclose(scores[exists], expected[exists], rtol=1e-6)
    assert (first != second)[exists].all()
    assert exists.any() != (made is hopeless) and not exists[-1]


def test_pairs_and_steps_worked_out_by_hand():
    # A step of (4, 5) brings class 1 nearer by 4 + 7, one of (0, 2) by 3 + 7, of (1, 3) by 3 + 3.
    for ahead, pairs in ((10, [4, 5]), (20, [0, 2, 4, 5]), (26, [0, 1, 2, 3, 4, 5])):
        for goal in (Untargeted([0]), Targeted([1])):
            result = JSMA(gamma=1.0)(linear(ahead), BLACK, goal)
            steps = len(pairs) // 2
            assert changed(result) == [pairs] and result.success.all()
            assert result.images[0, pairs].tolist() == [1.0] * len(pairs)
            assert result.distances["l0"] == len(pairs)
            assert result.gradient_evaluations == 2 * steps
            assert result.forward_evaluations == 1 + steps + 1  # the original, and the result
    result = JSMA(gamma=1.0)(linear(28), BLACK, [0])
    assert changed(result) == [[]] and not result.success.any()
    assert result.gradient_evaluations == 2 * 3


def test_derivatives_whose_products_underflow():
    model = linear(20)
    result = JSMA(gamma=1.0)(lambda images: 1e-25 * model(images), BLACK, [0])
    assert changed(result) == [[0, 2, 4, 5]] and result.success.all()


def test_small_steps_choose_a_pair_again_until_it_is_white():
    # Three steps are all that six values allow: 5.5, 5.5, and 5 from (0, 2).
    result = JSMA(0.5, gamma=1.0)(linear(15), BLACK, [0])
    np.testing.assert_array_equal(result.images, [[0.5, 0, 0.5, 0, 1, 1]])
    assert not JSMA(0.5, gamma=1.0)(linear(17), BLACK, [0]).success.any()


def test_decreasing_is_increasing_of_the_negative():
    # On a white image class 0 is ahead by the sums as well, 10 and 17.
    model = linear(20 - 10 - 17, -RISES, -FALLS)
    result = JSMA(-1.0, gamma=1.0)(model, BLACK + 1, [0])
    np.testing.assert_array_equal(result.images, [[0, 1, 0, 1, 0, 0]])
    assert result.success.all() and result.gradient_evaluations == 2 * 2


def test_what_cannot_move_is_left_out():
    images = BLACK.copy()
    images[0, 4] = 1  # which brings class 1 nearer by 8
    result = JSMA(gamma=1.0)(linear(8 + 9), images, [0])
    assert changed(result) == [[0, 2]]
    # Value 1 alone cannot move: there is no pair, and no further step.
    images = BLACK + 1
    images[0, 1] = 0
    result = JSMA(gamma=1.0)(linear(100), images, [0])
    assert changed(result) == [[]] and result.gradient_evaluations == 2


def test_unclipped_values_leave_the_range():
    result = JSMA(gamma=1.0, clip=False)(linear(20), BLACK, [0])
    np.testing.assert_array_equal(result.images, [[0, 0, 0, 0, 2, 2]])


@pytest.mark.parametrize("output", ["logits", "probabilities"])
@pytest.mark.parametrize("label", [0, 1])
def test_one_output_is_attacked_as_two_are(output, label):
    """The logits [0, z] and [-z / 2, z / 2] are one network; the first of [0, z] has no slope."""
    slopes = np.float32([3, 1, 0, 2, -1, 5])[:, None]

    def one(images):
        return images @ slopes + np.float32(-7 if label == 0 else -3)

    def two(images):
        return one(images) * np.float32([-0.5, 0.5])

    start = np.full((1, 6), 0.0 if label == 0 else 1.0, np.float32)
    attack = JSMA(1.0 if label == 0 else -1.0, gamma=1.0, output=output)
    results = [attack(model, start, np.array([label])) for model in (one, two)]
    assert all(result.success.all() for result in results)
    np.testing.assert_array_equal(results[0].images, results[1].images)


def test_of_several_targets_the_nearest_success_counts():
    # Class 1 is nearer, by 3 where a pair brings 1 + 1; class 2 by 4 where a pair brings 5 + 1.
    weights = np.float32([[0, 1, 0], [0, 1, 0], [0, 0, 5], [0, 0, 5], [-1, 0, 0], [-1, 0, 0]])

    def model(images):
        return images @ weights + np.float32([3, 0, -1])

    first, every = (JSMA(gamma=1.0, targets=count)(model, BLACK, [0]) for count in (1, None))
    assert changed(first) == [[0, 1, 4, 5]] and first.logits.argmax() == 1
    assert changed(every) == [[2, 4]] and every.logits.argmax() == 2
    assert (first.gradient_evaluations, every.gradient_evaluations) == (4, 6)
    assert every.forward_evaluations == 1 + 2 + 1 + 1
    aimed = JSMA(gamma=1.0)(model, BLACK, Targeted([1]))
    np.testing.assert_array_equal(aimed.images, first.images)


@pytest.fixture(scope="module")
def jacobian_of(cnn):
    """The logits of one image [1, 8, 8, 1] and their derivatives [10, 64]."""

    @tf.function
    def jacobian_of(batch):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(batch)
            logits = tf.unstack(cnn(batch, training=False)[0])
        derivatives = [tf.reshape(tape.gradient(logit, batch), [-1]) for logit in logits]
        return tf.stack(logits), tf.stack(derivatives)

    return jacobian_of


def reference(jacobian_of, image, target, theta, steps, output):
    """Algorithms 2 and 3 of the paper for one image, as written there, in double precision.

    Returns the adversarial image, or `None`, and the steps taken.
    """
    image = image.copy()
    values = image.reshape(-1)  # a view
    for step in range(1, steps + 1):
        logits, jacobian = (each.numpy().astype(np.float64) for each in jacobian_of(image[None]))
        if output == "probabilities":
            p = softmax(logits)
            jacobian = (np.diag(p) - np.outer(p, p)) @ jacobian
        alpha = np.sign(theta) * jacobian[target]
        beta = np.sign(theta) * (jacobian.sum(axis=0) - jacobian[target])
        domain = [i for i, v in enumerate(values) if (v < 1 if theta > 0 else v > 0)]
        best, pair = 0.0, None
        for place, p in enumerate(domain):
            for q in domain[place + 1 :]:
                rise, rest = alpha[p] + alpha[q], beta[p] + beta[q]
                if rise > 0 and rest < 0 and -rise * rest > best:
                    best, pair = -rise * rest, [p, q]
        if pair is None:
            return None, step
        values[pair] = np.clip(values[pair] + np.float32(theta), 0, 1)
        if jacobian_of(image[None])[0].numpy().argmax() == target:
            return image, step
    return None, steps


@pytest.mark.parametrize("theta, gamma", [(1.0, 0.5), (-1.0, 0.25), (0.4, 0.5)])
@pytest.mark.parametrize("output, gradients", [("logits", 2), ("probabilities", 1)])
def test_it_does_what_the_paper_says(
    cnn, jacobian_of, images, labels, theta, gamma, output, gradients
):
    count = 12
    images, targets = images[:count], (labels[:count] + 1) % 10
    attack = JSMA(theta, gamma, output=output)
    result = attack(cnn, images, Targeted(targets, labels[:count]))
    assert result.success.any()
    for row in range(count):
        expected, steps = reference(
            jacobian_of, images[row], targets[row], theta, math.floor(gamma * 32), output
        )
        assert result.success[row] == (expected is not None)
        if expected is None:
            expected = images[row]
        np.testing.assert_allclose(result.images[row], expected, rtol=0, atol=1e-6)
        assert result.gradient_evaluations[row] == gradients * steps


@pytest.mark.parametrize("theta", [1.0, -0.4])
@pytest.mark.parametrize("gamma, most", [(2 / 64, 2), (0.145, 8), (0.5, 32)])
def test_no_more_values_change_than_gamma_says(cnn, images, labels, theta, gamma, most):
    result = JSMA(theta, gamma, targets=None)(cnn, images, labels)
    assert result.distances["l0"].max() <= most
    assert ((result.images - result.originals) * np.sign(theta) >= 0).all()
    fewer = JSMA(theta, gamma)(cnn, images, labels)
    assert (result.success >= fewer.success).all()
    both = result.success & fewer.success
    assert both.any()
    assert (result.distances["l0"][both] <= fewer.distances["l0"][both]).all()


@pytest.mark.parametrize(
    "gamma, shape", [(0.145, (28, 28)), (112 / 784, (28, 28)), (0.0365, (32, 32, 3))]
)
def test_the_papers_112_values_are_56_pairs(gamma, shape):
    def out_of_reach(images):
        sums = tf.reduce_sum(tf.reshape(images, [-1, math.prod(shape)]), axis=1)
        return tf.stack([1e6 - sums, sums], axis=1)

    result = JSMA(gamma=gamma)(out_of_reach, np.zeros((1, *shape), np.float32), [0])
    assert result.gradient_evaluations == 2 * 56


def test_a_curve_is_one_search(cnn, images, labels):
    attack = JSMA(gamma=0.5)
    nearest = attack(cnn, images, labels)
    epsilons = [2, 8, 32]
    curve = robust_curve(cnn, images, labels, attack, epsilons)
    broken = nearest.success & (nearest.distances["l0"] <= np.array(epsilons)[:, None])
    np.testing.assert_allclose(curve.accuracy, 1 - broken.mean(axis=1))
    assert curve.accuracy[0] > curve.accuracy[2]


def scaled(network, factor):
    return keras.Sequential(
        [keras.Input((8, 8, 1)), network, keras.layers.Rescaling(factor, dtype="float32")]
    )


def test_sure_networks_hide_from_derivatives_of_probabilities_alone(cnn, images, labels):
    """As distillation at a high temperature makes them; logits have the same order as before."""
    sure = scaled(cnn, 1024.0)
    expected = JSMA(gamma=0.5)(cnn, images, labels)
    result = JSMA(gamma=0.5)(sure, images, labels)
    np.testing.assert_array_equal(result.images, expected.images)
    right = cnn(images, training=False).numpy().argmax(axis=1) == labels
    open_to, hidden = (
        JSMA(gamma=0.5, output="probabilities")(each, images, labels) for each in (cnn, sure)
    )
    assert open_to.success[right].mean() > 0.9
    assert hidden.success[right].mean() < 0.3
    # Where the derivatives are exactly 0, the first step is the last.
    assert (hidden.gradient_evaluations[right] == 1).mean() > 0.6
    # What the attack divides the logits by again, nothing hides.
    found = JSMA(gamma=0.5, output="probabilities", temperature=1024.0)(sure, images, labels)
    np.testing.assert_array_equal(found.images, open_to.images)


REFUSED = {
    "no step": ({"theta": 0}, "theta is 0; accepted: a number from -1 to 1 other than 0"),
    "long step": ({"theta": 1.5}, "theta is 1.5; accepted: a number from -1 to 1"),
    "no value": ({"gamma": 0}, "gamma is 0; accepted: a finite number above 0, at most 1"),
    "percent": ({"gamma": 14.5}, "gamma is 14.5; accepted: a finite number above 0, at most 1"),
    "targets": ({"targets": 0}, "targets is 0; accepted: a whole number, 1 or more"),
    "output": ({"output": "F"}, "output is 'F'; accepted: 'logits', 'probabilities'"),
    "temperature": ({"temperature": 0}, "temperature is 0; accepted: a finite number above 0"),
    "batch_size": ({"batch_size": 0}, "batch_size is 0; accepted"),
}


@pytest.mark.parametrize("arguments, message", REFUSED.values(), ids=REFUSED)
def test_refused_hyper_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        JSMA(**arguments)


def test_a_share_that_is_no_pair_is_refused(cnn, images, labels):
    with pytest.raises(ValueError, match="gamma is 0.03 with 64 values; accepted: 0.0312 or more"):
        JSMA(gamma=0.03)(cnn, images, labels)
