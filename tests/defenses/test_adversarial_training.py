"""Adversarial training: steps by hand, what it leaves alone, and whether it defends."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.special import log_softmax, softmax

import models
from attacks import FGSM, PGD
from defenses import AdversarialTrainer, TradesTrainer, static_set
from resuming import backups

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0.2, 0.8, [16, 4]).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 16)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
KINDS = [AdversarialTrainer, TradesTrainer]


def network(*hidden):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input([4]), *hidden, layers.Dense(3)])


def compiled(model, rate=0.1):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"])
    return model


def assert_same(weights, others, atol=1e-6):
    for ours, theirs in zip(weights, others, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=atol)


def test_a_step_on_a_linear_network_is_the_closed_form():
    trained = network()
    weights, bias = (each.astype(np.float64) for each in trained.get_weights())
    images, labels = IMAGES, LABELS
    for steps, reach in ((1, 0.1), (3, 0.12)):
        current = images.astype(np.float64)
        for _ in range(steps):
            error = softmax(current @ weights + bias, axis=1) - np.eye(3)[labels]
            current = current + 0.1 * np.sign(error @ weights.T)
            current = np.clip(images + np.clip(current - images, -reach, reach), 0, 1)
        trainer = AdversarialTrainer(trained, reach, steps, step_size=0.1, random_start=False)
        np.testing.assert_allclose(trainer.craft(images, labels), current, atol=1e-6)
    error = softmax(current @ weights + bias, axis=1) - np.eye(3)[labels]
    loss = -log_softmax(current @ weights + bias, axis=1)[np.arange(16), labels].mean()

    history = compiled(trainer).fit(images, labels, batch_size=16, verbose=0).history
    assert history["loss"][0] == pytest.approx(loss, rel=1e-5)
    assert_same(
        trained.get_weights(),
        [weights - 0.1 * current.T @ error / 16, bias - 0.1 * error.mean(axis=0)],
    )


def test_a_step_of_trades_is_the_closed_form(monkeypatch):
    """Two forward passes' losses and their gradients by finite differences."""
    trained, beta = network(), 2.0
    trainer = compiled(TradesTrainer(trained, 0.1, beta=beta))
    examples = np.clip(IMAGES + 0.05 * np.sign(IMAGES - 0.5), 0, 1).astype(np.float32)
    monkeypatch.setattr(trainer, "craft", lambda images, labels: tf.constant(examples))
    kernel, bias = (each.astype(np.float64) for each in trained.get_weights())

    def loss(kernel):
        clean, moved = (log_softmax(x @ kernel + bias, axis=1) for x in (IMAGES, examples))
        divergence = (np.exp(clean) * (clean - moved)).sum(axis=1)
        return (beta * divergence - clean[np.arange(16), LABELS]).mean()

    gradient = np.zeros_like(kernel)
    for place in np.ndindex(kernel.shape):
        step = np.zeros_like(kernel)
        step[place] = 1e-5
        gradient[place] = (loss(kernel + step) - loss(kernel - step)) / 2e-5
    history = trainer.fit(IMAGES, LABELS, batch_size=16, shuffle=False, verbose=0).history
    assert history["loss"][0] == pytest.approx(loss(kernel), rel=1e-5)
    np.testing.assert_allclose(trained.get_weights()[0], kernel - 0.1 * gradient, atol=1e-6)
    clean = (IMAGES @ kernel + bias).argmax(axis=1)
    assert history["accuracy"][0] == pytest.approx((clean == LABELS).mean())


def test_without_a_ball_it_is_plain_fit():
    """Batch statistics and dropout included: crafting must not touch them."""
    hidden = lambda: (layers.BatchNormalization(), layers.Dropout(0.5, seed=3))  # noqa: E731
    options = dict(batch_size=8, shuffle=False, epochs=3, verbose=0)
    plain = network(*hidden())
    compiled(plain).fit(IMAGES, LABELS, **options)
    for labels in (LABELS, LABELS[:, None]):
        defended = network(*hidden())
        compiled(AdversarialTrainer(defended, 0.0, steps=4)).fit(IMAGES, labels, **options)
        assert_same(defended.get_weights(), plain.get_weights())


def test_one_hot_labels_are_the_same():
    results = []
    for labels, loss in (
        (LABELS, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        (ONE_HOT, keras.losses.CategoricalCrossentropy(from_logits=True)),
    ):
        trained = network()
        trainer = AdversarialTrainer(trained, 0.1)
        trainer.compile(keras.optimizers.SGD(0.1), loss)
        trainer.fit(IMAGES, labels, shuffle=False, verbose=0)
        results.append(trained.get_weights())
    assert_same(*results)


@pytest.mark.parametrize("kind", KINDS)
def test_examples_stay_in_the_ball_and_in_range_and_follow_the_seed(kind):
    edges = np.concatenate([IMAGES, np.zeros_like(IMAGES), np.ones_like(IMAGES)])
    labels = np.tile(LABELS, 3)
    first, same, other = (
        kind(network(), 0.3, steps=3, seed=seed).craft(edges, labels).numpy() for seed in (0, 0, 1)
    )
    assert np.abs(first - edges).max() == pytest.approx(0.3, abs=1e-6)
    assert first.min() >= 0 and first.max() <= 1
    np.testing.assert_array_equal(first, same)
    if kind is AdversarialTrainer:  # in so few steps TRADES forgets where it began
        assert (first != other).any()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("step_size", [None, 0.03])
def test_from_the_image_it_is_the_attack_of_that_name(norm, step_size):
    trained = network(layers.Dense(8, activation="relu"))
    trainer = AdversarialTrainer(trained, 0.2, 5, step_size, random_start=False, norm=norm)
    attack = PGD(steps=5, step_size=step_size, norm=norm, random_start=False)
    expected = attack(trained, IMAGES, LABELS, epsilon=0.2).images
    np.testing.assert_allclose(trainer.craft(IMAGES, LABELS), expected, atol=1e-6)
    assert np.abs(expected - IMAGES).max() > 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_examples_in_an_l2_ball(kind):
    edges = np.concatenate([IMAGES, np.zeros_like(IMAGES), np.ones_like(IMAGES)])
    labels = np.tile(LABELS, 3)
    trainer = kind(network(layers.Dense(8, activation="relu")), 0.3, steps=3, norm="l2")
    examples = trainer.craft(edges, labels).numpy()
    reached = np.linalg.norm(examples - edges, axis=1)
    assert reached.max() == pytest.approx(0.3, abs=1e-5)
    assert examples.min() >= 0 and examples.max() <= 1
    within = np.abs(examples - edges).max(axis=1)
    assert np.median(within) < 0.29  # not along one axis, not in a cube


def test_random_starts_fill_the_l2_ball():
    """In 4 dimensions the fourth power of the radius is uniform; no direction is preferred."""
    middle = np.full([4000, 4], 0.5, np.float32)
    trainer = AdversarialTrainer(network(), 0.2, steps=1, step_size=1e-6, norm="l2")
    moved = (trainer.craft(middle, np.zeros(4000, int)) - middle).numpy() / 0.2
    volume = (moved**2).sum(axis=1) ** 2
    assert volume.max() <= 1 + 1e-4
    error = 5 / np.sqrt(4000)
    assert volume.mean() == pytest.approx(1 / 2, abs=error / 12**0.5)
    assert np.abs(moved.mean(axis=0)).max() < error * moved.std()


@pytest.mark.parametrize("kind", KINDS)
def test_examples_raise_the_loss(kind):
    trained = network()
    examples = kind(trained, 0.1).craft(IMAGES, LABELS)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if kind is AdversarialTrainer:
        assert loss(LABELS, trained(examples)) > loss(LABELS, trained(IMAGES))
    clean, moved = (log_softmax(trained(x).numpy(), axis=1) for x in (IMAGES, examples))
    assert (np.exp(clean) * (clean - moved)).sum(axis=1).mean() > 1e-4


@pytest.fixture(scope="module")
def defended(digits):
    """Networks trained plainly, on examples, and by TRADES, for the same updates."""
    networks = {}
    for name in ("plain", "madry", "trades"):
        keras.utils.set_random_seed(0)
        trained = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Conv2D(8, 3, padding="same"),
                layers.BatchNormalization(momentum=0.9),
                layers.ReLU(),
                layers.Flatten(),
                layers.Dense(32, activation="relu"),
                layers.Dense(10),
            ]
        )
        trainer = {
            "plain": lambda trained: keras.Model(trained.inputs, trained.outputs),
            "madry": lambda trained: AdversarialTrainer(trained, 0.15, steps=3),
            "trades": lambda trained: TradesTrainer(trained, 0.15, steps=3),
        }[name](trained)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
        trainer.fit(*digits[:2], batch_size=64, epochs=4, verbose=0)
        networks[name] = trained
    return networks


def robust_accuracy(model, images, labels) -> float:
    attack = PGD(steps=20, random_start=True)
    return 1 - attack(model, images, labels, epsilon=0.15).success.mean()


@pytest.mark.parametrize("name", ["madry", "trades"])
def test_the_trained_network_is_harder_to_attack(name, defended, images, labels):
    clean = (defended[name].predict(images, verbose=0).argmax(axis=1) == labels).mean()
    assert clean > 0.85
    gain = robust_accuracy(defended[name], images, labels) - robust_accuracy(
        defended["plain"], images, labels
    )
    assert gain > 0.2


def test_saved_and_loaded_it_is_attacked_alike(defended, images, labels, tmp_path):
    path = models.save(defended["madry"], tmp_path / "robust.h5")
    loaded = models.load_checkpoint(path)
    attack = PGD(steps=10)
    first, second = (attack(m, images, labels, epsilon=0.15) for m in (defended["madry"], loaded))
    np.testing.assert_array_equal(first.success, second.success)
    np.testing.assert_array_equal(first.images, second.images)


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"epsilon": 2}, "epsilon is 2"),
        ({"steps": 0}, "steps is 0"),
        ({"step_size": -1}, "step_size is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"norm": "l1"}, "norm is 'l1'; accepted: 'linf', 'l2'"),
        ({"norm": "l2", "epsilon": 2.5}, "epsilon is 2.5; accepted for l2: 0 to 2"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_refused_arguments(kind, wrong, said):
    with pytest.raises(ValueError, match=said):
        kind(network(), **{"epsilon": 0.1} | wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_refused_images(kind):
    trainer = compiled(kind(network(), 0.1))
    for wrong in (255 * IMAGES, IMAGES - 0.5):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"images are outside \[0, 1\]"):
            trainer.craft(wrong, LABELS)
        with pytest.raises(ValueError, match=r"images is from .*; accepted: .*\[0, 1\]"):
            trainer.fit(wrong, LABELS, verbose=0)
    doubled = trainer.craft(IMAGES.astype(np.float64), LABELS)
    np.testing.assert_array_equal(doubled, trainer.craft(IMAGES, LABELS))


@pytest.mark.parametrize(
    "kind, norm",
    [(AdversarialTrainer, "linf"), (AdversarialTrainer, "l2"), (TradesTrainer, "l2")],
)
def test_a_resumed_training_is_the_uninterrupted_one(kind, norm, tmp_path):
    """It learns, one step from a random start, so that the starts show in the weights.

    TRADES starts from the same noise in either norm.
    """

    def fit(callbacks):
        trained = network(layers.Dense(8, activation="relu"), layers.BatchNormalization())
        trainer = kind(trained, 0.3, steps=1, step_size=0.05, seed=2, norm=norm)
        trainer.compile(
            keras.optimizers.Adam(0.03),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        options = dict(batch_size=8, epochs=4, shuffle=False, verbose=0)
        history = trainer.fit(IMAGES, LABELS, callbacks=callbacks, **options)
        return trained.get_weights(), history

    (whole, history), (resumed, rest) = map(fit, backups(tmp_path))
    assert rest.epoch == [2, 3]
    assert_same(resumed, whole)
    losses = history.history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_every_update_has_its_own_starts():
    trainer = compiled(AdversarialTrainer(network(), 0.3, steps=1, step_size=1e-6), rate=0.0)
    first = trainer.craft(IMAGES, LABELS).numpy()
    trainer.fit(IMAGES, LABELS, batch_size=16, verbose=0)
    assert np.abs(trainer.craft(IMAGES, LABELS).numpy() - first).max() > 0.1


def test_batch_statistics_of_trades_are_of_images_and_examples_and_move_once(monkeypatch):
    trained = network(layers.BatchNormalization(momentum=0.9))
    trainer = compiled(TradesTrainer(trained, 0.1))
    examples = np.clip(IMAGES + 0.1, 0, 1)
    monkeypatch.setattr(trainer, "craft", lambda images, labels: tf.constant(examples))
    trainer.fit(IMAGES, LABELS, batch_size=16, verbose=0)
    mean = np.concatenate([IMAGES, examples]).mean(axis=0)
    np.testing.assert_allclose(trained.layers[0].moving_mean, 0.1 * mean, rtol=1e-5)


def test_refused_networks():
    with pytest.raises(ValueError, match="ends in softmax; accepted: logits"):
        AdversarialTrainer(models.with_softmax(network()), 0.1)
    with pytest.raises(TypeError, match="network is a function; accepted: a keras.Model"):
        AdversarialTrainer(lambda images: images, 0.1)
    with pytest.raises(ValueError, match="beta is 0"):
        TradesTrainer(network(), 0.1, beta=0)


def test_static_set_is_the_clean_images_then_each_epsilon():
    model, epsilons = network(), [0.05, 0.1]
    images, labels = static_set(model, IMAGES, LABELS, FGSM(), epsilons)
    crafted = [FGSM()(model, IMAGES, LABELS, epsilon=epsilon).images for epsilon in epsilons]
    np.testing.assert_array_equal(images, np.concatenate([IMAGES, *crafted]))
    np.testing.assert_array_equal(labels, np.tile(LABELS, 3))
    assert images.dtype == np.float32
    with pytest.raises(ValueError, match="labels is None"):
        static_set(model, IMAGES, None, FGSM(), epsilons)


def test_a_static_set_of_predictions_has_the_true_labels():
    model = network()
    wrong = (model(IMAGES).numpy().argmax(1) + 1) % 3
    images, labels = static_set(model, IMAGES, wrong, FGSM(), [0.1], predicted_labels=True)
    crafted = FGSM()(model, IMAGES, epsilon=0.1).images
    np.testing.assert_array_equal(images, np.concatenate([IMAGES, crafted]))
    np.testing.assert_array_equal(labels, np.tile(wrong, 2))
    of_labels, _ = static_set(model, IMAGES, wrong, FGSM(), [0.1])
    assert (images != of_labels).any()
