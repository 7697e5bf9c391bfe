"""What people bring to `reproduce.py attack`: other ends, ranges, shapes and classes."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from sklearn.linear_model import LogisticRegression

import data
import defenses
import models
from command_line import run, said

CHEAPEST = ["--data", "digits", "--attack", "fgsm", "--images", 8]
SHAPE = (32, 32, 3)


def attack(model, folder, *words):
    """The outcome of an attack on a model from a file."""
    path = folder / "model.keras"
    if not path.exists():
        models.save(model, path)
    return run("attack", path, *CHEAPEST, *words)


def classifier(*last, shape=SHAPE):
    keras.utils.set_random_seed(0)
    first = [layers.AveragePooling2D(8)] if len(shape) == 3 else []
    return keras.Sequential(
        [keras.Input(shape), *first, layers.Flatten(), *(last or [layers.Dense(10)])]
    )


def ensemble(activation):
    images = keras.Input(SHAPE)
    branches = [classifier(layers.Dense(10, activation=activation))(images) for _ in range(2)]
    return keras.Model(images, layers.Average()(branches))


def nothing_but_outputs():
    """Probabilities that only their values give away."""
    images = keras.Input(SHAPE)
    p = classifier(layers.Dense(10, activation="softmax"))(images)
    return keras.Model(images, layers.Normalization(mean=0.0, variance=1.0)(p))


def mean_of_maps():
    """Sigmoids that are averaged over an image: nothing that could be taken off."""
    images = keras.Input(SHAPE)
    maps = layers.Conv2D(10, 3, activation="sigmoid")(images)
    return keras.Model(images, layers.GlobalAveragePooling2D()(maps))


SQUASHED = {
    "mean of maps": mean_of_maps,
    "sigmoid": lambda: classifier(layers.Dense(10, activation="sigmoid")),
    "dropout": lambda: classifier(layers.Dense(10, activation="softmax"), layers.Dropout(0.5)),
    "ensemble": lambda: ensemble("softmax"),
    "ensemble of sigmoids": lambda: ensemble("sigmoid"),
    "measured": nothing_but_outputs,
}


@pytest.mark.parametrize("name", SQUASHED)
def test_every_way_out_of_a_refusal_works(name, tmp_path):
    model = SQUASHED[name]()
    refused = attack(model, tmp_path)
    assert refused.exit_code == 2
    assert all(f"--softmax {way}" in said(refused) for way in ("remove", "keep"))
    # Whatever is kept is taken for logits in the same way.
    for way in ("remove", "keep") if name in ("sigmoid", "measured") else ("remove",):
        done = attack(model, tmp_path, "--softmax", way)
        assert done.exit_code == 0 and "clean" in said(done)


def test_an_ensemble_of_another_kind_can_only_be_kept(tmp_path):
    model = ensemble("tanh")
    refused = attack(model, tmp_path, "--softmax", "remove")
    assert refused.exit_code == 2 and "it ends in tanh; accepted: keep" in said(refused)
    assert attack(model, tmp_path, "--softmax", "keep").exit_code == 0


def test_nothing_to_remove(tmp_path):
    refused = attack(classifier(), tmp_path, "--softmax", "remove")
    assert refused.exit_code == 2
    assert "the model ends in none; accepted: refuse (the default)" in said(refused)


@pytest.fixture
def binary(tmp_path):
    """A copy of MNIST with two classes, of dark and of bright images."""
    random = np.random.default_rng(0)
    arrays = {}
    for subset, count in (("train", 40), ("test", 12)):
        labels = np.arange(count) % 2
        images = random.integers(0, 60, (count, 28, 28)) + 150 * labels[:, None, None]
        arrays |= {f"x_{subset}": images.astype(np.uint8), f"y_{subset}": labels}
    np.savez(tmp_path / "mnist.npz", **arrays)
    return ["--data", "mnist", "--data-dir", tmp_path]


@pytest.mark.parametrize("activation, words", [(None, []), ("sigmoid", ["--softmax", "remove"])])
def test_one_output_is_two_classes(activation, words, binary, tmp_path):
    model = classifier(layers.Dense(1, activation), shape=(28, 28, 1))
    model.layers[-1].set_weights([np.ones((9, 1)), np.array([-4.0])])
    if words:
        assert "--softmax remove" in said(attack(model, tmp_path, *binary))
    done = attack(model, tmp_path, *binary, *words, "--epsilon", 0.5)
    assert done.exit_code == 0, said(done)
    assert "clean 100.0 [" in said(done) and "127.5/255 0.0 [" in said(done)


@pytest.mark.parametrize(
    "last, gives",
    [
        (lambda: layers.Dense(1), "one output, for 2 classes"),
        (lambda: layers.Dense(1, activation="sigmoid"), "one output, for 2 classes"),
        (lambda: layers.Dense(7), "7 classes"),
    ],
)
def test_too_few_classes(last, gives, tmp_path):
    refused = attack(classifier(last()), tmp_path)
    assert refused.exit_code == 2
    assert f"model has {gives}, digits has 10; accepted: a model of these 10" in said(refused)


def test_more_classes_than_the_data_has_are_mentioned(tmp_path):
    done = attack(classifier(layers.Dense(12)), tmp_path)
    assert done.exit_code == 0
    assert "The model has 12 classes, digits 10: its labels are taken for the first" in said(done)


@pytest.mark.parametrize(
    "shape, fit",
    [((28, 28, 1), " (--data mnist)"), ((64, 64, 3), " (--data tiny_imagenet)"), ((9, 9, 3), "")],
)
def test_shapes_that_do_not_fit(shape, fit, tmp_path):
    refused = attack(classifier(shape=shape), tmp_path)
    assert refused.exit_code == 2
    assert (
        f"model takes {shape}, data has (32, 32, 3); accepted: data that fits{fit}, or a model "
        "that takes (32, 32, 3), for example one with keras.layers.Resizing before it"
    ) in said(refused)


@pytest.mark.parametrize(
    "shape, note",
    [((3, 32, 32), "the channels of the images are put first"), ((3072,), "reshaped from (32,")],
)
def test_shapes_that_are_the_same_in_another_order(shape, note, tmp_path):
    model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(10)])
    done = attack(model, tmp_path)
    assert done.exit_code == 0, said(done)
    assert f"The model takes {shape}: " in said(done) and note in said(done)


def of_grey_levels(dtype="float32"):
    """Right on the first digits if it gets grey levels: half of it is fitted to them."""
    digits = data.load("digits")
    pooled = digits.x_test[:60, 2::4, 2::4].reshape(60, -1)
    fitted = LogisticRegression(max_iter=500).fit(pooled, digits.y_test[:60])
    model = keras.Sequential(
        [
            keras.Input(SHAPE, dtype=dtype),
            layers.Rescaling(1 / 255),
            layers.ZeroPadding2D(((0, 2), (0, 2))),
            layers.Cropping2D(((2, 0), (2, 0))),
            layers.MaxPooling2D(1, strides=4),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    model.layers[-1].set_weights([fitted.coef_.T, fitted.intercept_])
    return model


def test_a_model_of_grey_levels(tmp_path):
    model = of_grey_levels()
    lost = said(attack(model, tmp_path))
    assert "cannot be told from guessing. If the model takes grey levels, say --range 0-255" in lost
    found = attack(model, tmp_path, "--range", "0-255")
    assert found.exit_code == 0
    assert "clean 100.0 [" in said(found) and "--range" not in said(found)


def test_a_model_of_bytes(tmp_path):
    model = of_grey_levels("uint8")
    refused = attack(model, tmp_path)
    assert refused.exit_code == 2
    assert "--range is 0-1, but the model takes uint8 images; accepted: 0-255" in said(refused)
    done = attack(model, tmp_path, "--range", "0-255", "--epsilon", 0.5)
    assert done.exit_code == 0
    assert "clean 100.0 [" in said(done) and "127.5/255 0.0 [" in said(done)


def test_a_batch_size_of_its_own(tmp_path):
    grey = keras.Input((3, 32, 32), batch_size=3, dtype="uint8")
    flat = ops.reshape(layers.Rescaling(1 / 255)(grey), (3, 3072))
    model = keras.Model(grey, layers.Dense(10)(flat))
    done = attack(model, tmp_path, "--range", "0-255")
    assert done.exit_code == 0, said(done)


def test_another_range_is_refused(tmp_path):
    refused = attack(classifier(), tmp_path, "--range", "0-1.0")
    assert refused.exit_code == 2 and "--range is '0-1.0'; accepted: 0-1, 0-255" in said(refused)


def test_our_own_layers_are_loaded(tmp_path):
    model = keras.Sequential([keras.Input(SHAPE), data.RandomErasing(), *classifier().layers])
    done = attack(defenses.with_noisy_logits(model, 0.1), tmp_path)
    assert done.exit_code == 0, said(done)


def test_paths_are_printed_as_they_are(tmp_path):
    place = "a[1]/[bold]/[/x]/:x:"  # markup and a picture to Rich
    folder = tmp_path / place
    folder.mkdir(parents=True)
    model = models.save(classifier(), folder / "[red].h5")
    assert f"{place}/missing.h5, which does not" in said(
        run("attack", folder / "missing.h5", *CHEAPEST)
    )
    done = said(run("attack", model, *CHEAPEST, "--save", folder / "[dim].npz"))
    assert "[red].h5 on digits" in done and f"{place}/[dim].npz" in done
    again = run("attack", model, *CHEAPEST, "--save", folder / "[dim].npz")
    assert f"{place}/[dim].npz, which exists" in said(again)
    assert f"no results in {folder}" in said(run("report", "ntu", "--results", folder))
    assert "'[/x]'" in said(run("attack", model, *CHEAPEST, "--option", "[/x]"))
    assert "--[/x]" in said(run("attack", model, *CHEAPEST, "--[/x]"))


def test_notes_are_printed_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(data.Dataset, "notes", property(lambda self: ("from [bold]/[/x]/:x:",)))
    assert "from [bold]/[/x]/:x:" in said(attack(classifier(), tmp_path))
