"""Training on random attacks: a step by hand, the draw, resumption, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.special import softmax

import models
from attacks import FGSM, PGD, DeepFool, MomentumIterative, PixelSwap
from defenses import RandomAttackTrainer
from resuming import backups

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0.2, 0.8, [20, 4]).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 20)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
SEVERAL = [(MomentumIterative(steps=2), 0.1), (DeepFool(steps=5), None), (PixelSwap(), 0.2)]


def network(*hidden):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input([4]), *hidden, layers.Dense(3)])


def normalised():
    return network(layers.BatchNormalization(momentum=0.9), layers.Dropout(0.5, seed=3))


def compiled(model, loss=SPARSE):
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return model


def plain(trained):
    return compiled(keras.Model(trained.inputs, trained.outputs))


def assert_same(weights, others, atol=1e-6):
    for ours, theirs in zip(weights, others, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=atol)


def test_a_step_on_a_linear_network_is_the_closed_form():
    trained = network()
    weights, bias = (each.astype(np.float64) for each in trained.get_weights())
    error = softmax(IMAGES @ weights + bias, axis=1) - np.eye(3)[LABELS]
    examples = np.clip(IMAGES + 0.1 * np.sign(error @ weights.T), 0, 1)
    error = softmax(examples @ weights + bias, axis=1) - np.eye(3)[LABELS]

    trainer = compiled(RandomAttackTrainer(trained, [(FGSM(), 0.1)]))
    trainer.fit(IMAGES, LABELS, batch_size=20, verbose=0)
    assert_same(
        trained.get_weights(),
        [weights - 0.1 * examples.T @ error / 20, bias - 0.1 * error.mean(axis=0)],
    )


def test_steps_are_an_attack_on_the_current_weights_and_an_update():
    """With batch statistics, dropout and a last batch that is smaller."""
    ours, theirs = normalised(), normalised()
    trainer, by_hand = compiled(RandomAttackTrainer(ours, SEVERAL, seed=5)), plain(theirs)
    trainer.fit(IMAGES, LABELS, batch_size=8, epochs=3, shuffle=False, verbose=0)
    starts = 3 * [0, 8, 16]
    assert {trainer.drawn(update) for update in range(9)} == {0, 1, 2}
    for update, start in enumerate(starts):
        images, labels = IMAGES[start : start + 8], LABELS[start : start + 8]
        attack, epsilon = SEVERAL[trainer.drawn(update)]
        if epsilon is None:
            examples = attack(theirs, images, labels).images
        else:
            examples = attack.sweep(theirs, images, labels, epsilons=[epsilon])[0].images
        by_hand.train_on_batch(examples, labels)
    assert_same(ours.get_weights(), theirs.get_weights())


def test_where_nothing_is_found_it_is_plain_fit():
    """Sample weights count, of images that are left out too."""
    weights = np.r_[np.ones(10), 3 * np.ones(6), np.zeros(4)]
    options = dict(batch_size=8, shuffle=False, epochs=2, sample_weight=weights, verbose=0)
    ours, theirs = normalised(), normalised()
    compiled(RandomAttackTrainer(ours, [(DeepFool(steps=3), 0.0)])).fit(IMAGES, LABELS, **options)
    plain(theirs).fit(IMAGES, LABELS, **options)
    assert_same(ours.get_weights(), theirs.get_weights())


def test_each_attack_is_drawn_as_often_and_the_seed_decides():
    trainers = [RandomAttackTrainer(network(), SEVERAL, seed) for seed in (0, 0, 1)]
    first, same, other = ([each.drawn(update) for update in range(600)] for each in trainers)
    assert first == same and first != other
    counts = np.bincount(first, minlength=3)
    assert np.abs(counts - 200).max() < 4 * np.sqrt(600 * (1 / 3) * (2 / 3))
    assert np.corrcoef(first[:-1], first[1:])[0, 1] < 0.2


def test_random_starts_differ_from_update_to_update():
    attack = PGD(steps=1, step_size=0.01, random_start=True)
    trainer = compiled(RandomAttackTrainer(network(), [(attack, 0.1)]))
    before, again = (trainer.craft(IMAGES, LABELS) for _ in range(2))
    trainer.optimizer.iterations.assign(1)
    np.testing.assert_array_equal(before, again)
    assert (trainer.craft(IMAGES, LABELS) != before).any()


def test_nothing_is_compiled_anew_for_a_batch():
    traces = []

    class Counted(layers.Layer):
        def call(self, inputs):
            if not isinstance(inputs, keras.KerasTensor) and not tf.executing_eagerly():
                traces.append(inputs)
            return inputs

    trainer = compiled(RandomAttackTrainer(network(Counted()), SEVERAL))
    options = dict(batch_size=8, shuffle=False, verbose=0)
    trainer.fit(IMAGES, LABELS, epochs=6, **options)  # of 8, 8 and 4
    once = len(traces)
    trainer.fit(IMAGES, LABELS, epochs=4, **options)
    assert len(traces) == once < 30


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path):
    def fit(callbacks):
        trained = network(layers.BatchNormalization())
        trainer = RandomAttackTrainer(trained, SEVERAL, seed=2)
        trainer.compile(keras.optimizers.Adam(0.01), SPARSE)
        assert {trainer.drawn(update) for update in range(4, 8)} == {0, 1, 2}
        options = dict(batch_size=8, epochs=4, shuffle=False, verbose=0)
        history = trainer.fit(IMAGES[:16], LABELS[:16], callbacks=callbacks, **options)
        return trained.get_weights(), history

    (whole, _), (resumed, rest) = map(fit, backups(tmp_path))
    assert rest.epoch == [2, 3]
    assert_same(resumed, whole)


def test_forms_of_labels():
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, ONE_HOT)).batch(20)
    one_hot = keras.losses.CategoricalCrossentropy(from_logits=True)
    results = []
    for data, loss in (((IMAGES, LABELS), SPARSE), ((pairs,), one_hot)):
        trained = network()
        trainer = compiled(RandomAttackTrainer(trained, [(FGSM(), 0.1)]), loss)
        examples = trainer.craft(IMAGES, LABELS)
        for labels in (LABELS[:, None], ONE_HOT):
            np.testing.assert_array_equal(trainer.craft(IMAGES, labels), examples)
        trainer.fit(*data, shuffle=False, verbose=0)
        results.append(trained.get_weights())
    assert_same(*results)


def test_validation_and_evaluation_are_on_images_as_they_are():
    trainer = compiled(RandomAttackTrainer(network(), [(FGSM(), 0.3)]))
    history = trainer.fit(
        IMAGES, LABELS, validation_data=(IMAGES, LABELS), batch_size=8, verbose=0
    ).history
    accuracy = (trainer.network.predict(IMAGES, verbose=0).argmax(axis=1) == LABELS).mean()
    assert history["val_accuracy"][0] == pytest.approx(accuracy)
    assert trainer.evaluate(IMAGES, LABELS, verbose=0)[1] == pytest.approx(accuracy)
    assert history["accuracy"][0] < accuracy


@pytest.mark.parametrize(
    "attacks, said",
    [
        ([], "attacks is empty"),
        ([FGSM()], r"attacks\[0\] is FGSM"),
        ([("fgsm", 0.1)], r"attacks\[0\] is \('fgsm', 0.1\)"),
        ([(DeepFool(), None), (FGSM(), None)], r"attacks\[1\] .* accepted: an epsilon"),
        ([(FGSM(), np.inf)], "epsilon is inf; accepted for linf: 0 to 1"),
        ([(PGD(norm="l2"), 2.1)], "epsilon is 2.1; accepted for l2: 0 to 2"),
        ([(DeepFool(), -1.0)], "epsilon is -1.0"),
    ],
)
def test_refused_attacks(attacks, said):
    with pytest.raises(ValueError, match=said):
        RandomAttackTrainer(network(), attacks)


def test_other_refusals():
    with pytest.raises(ValueError, match="ends in softmax; accepted: logits"):
        RandomAttackTrainer(models.with_softmax(network()), SEVERAL)
    with pytest.raises(TypeError, match="network is a function"):
        RandomAttackTrainer(lambda images: images, SEVERAL)
    with pytest.raises(ValueError, match="seed is -1"):
        RandomAttackTrainer(network(), SEVERAL, seed=-1)
    trainer = RandomAttackTrainer(network(), SEVERAL)
    trainer.compile("sgd", SPARSE, steps_per_execution=2)
    with pytest.raises(ValueError, match="steps_per_execution is 2"):
        trainer.fit(IMAGES, LABELS, verbose=0)
