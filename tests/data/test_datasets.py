"""What `load` promises of every data set: values, names, fingerprints."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits

import data
from data import cifar10, cifar100, digits, gtsrb, mnist

SUBSETS = ("train", "validation", "test")


def test_names():
    assert data.NAMES == (
        "digits",
        "mnist",
        "cifar10",
        "cifar100",
        "gtsrb",
        "tiny_imagenet",
        "imagenet",
    )


@pytest.mark.parametrize("module", [digits, mnist, cifar10, cifar100, gtsrb])
def test_descriptions(module):
    names = module.DESCRIPTION.class_names
    classes = {cifar100: 100, gtsrb: 43}.get(module, 10)
    assert len(names) == len(set(names)) == classes
    assert len(module.DESCRIPTION.image_shape) == 3


def test_cifar_class_names():
    assert cifar10.DESCRIPTION.class_names[3] == "cat"
    fine = cifar100.DESCRIPTION.class_names
    assert list(fine) == sorted(fine)
    assert (fine[0], fine[47], fine[99]) == ("apple", "maple_tree", "worm")


@pytest.mark.parametrize("split", data.SPLITS)
def test_types_and_ranges(split):
    dataset = data.load("digits", split)
    assert dataset.split == split
    for subset in SUBSETS:
        images, labels = getattr(dataset, f"x_{subset}"), getattr(dataset, f"y_{subset}")
        assert images.dtype == np.float32 and images.shape[1:] == dataset.image_shape == (32, 32, 3)
        assert images.min() == 0 and images.max() == 1
        assert labels.dtype == np.int64 and labels.shape == (len(images),)
        assert set(labels) == set(range(dataset.num_classes))
    assert dataset.class_names == tuple("0123456789")
    assert dataset.source == "scikit-learn"
    assert dataset.notes == ()


def test_digits_are_scikit_learns_digits_enlarged():
    original, labels = load_digits(return_X_y=True)
    expected = {image.tobytes(): label for image, label in zip(original.astype("f4") / 16, labels)}
    dataset = data.load("digits")
    seen = set()
    for subset in SUBSETS:
        images = getattr(dataset, f"x_{subset}")
        blocks = images.reshape(-1, 8, 4, 8, 4, 3)
        assert (blocks == blocks[:, :, :1, :, :1, :1]).all()
        small = blocks[:, :, 0, :, 0, 0].reshape(-1, 64)
        for image, label in zip(small, getattr(dataset, f"y_{subset}")):
            assert expected[image.tobytes()] == label
            seen.add(image.tobytes())
    assert len(seen) == len(original)


def test_digits_official_split_is_stratified():
    dataset = data.load("digits")
    assert (dataset.official_train, dataset.official_test) == (1437, 360)
    of_class = np.bincount(load_digits().target)
    assert np.abs(np.bincount(dataset.y_test) - of_class / 5).max() <= 1


def test_fingerprint_depends_on_the_arrays_alone():
    dataset = data.load("digits")
    assert dataset.fingerprint == data.load("digits").fingerprint
    assert len(dataset.fingerprint) == 64
    others = [data.load("digits", "test-validates"), data.load("digits", seed=1)]
    changed = dataset.x_test.copy()
    changed[0, 0, 0, 0] = 0.5
    others.append(dataclasses.replace(dataset, x_test=changed))
    others.append(dataclasses.replace(dataset, y_test=dataset.y_test[::-1].copy()))
    assert len({dataset.fingerprint, *(other.fingerprint for other in others)}) == 5


@pytest.mark.parametrize("split", data.SPLITS)
def test_arrays_are_read_only(split):
    dataset = data.load("digits", split)
    for subset in SUBSETS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, f"x_{subset}")[0] = 0
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, f"y_{subset}")[0] = 0


def test_printing_a_dataset_prints_no_arrays():
    assert "array" not in repr(data.load("digits"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "svhn"}, "name is 'svhn'; accepted: 'digits', 'mnist', 'cifar10', 'cifar100', "),
        ({"split": "fair"}, "split is 'fair'; accepted: 'held-out', 'test-validates', 'random-64"),
        ({"seed": -1}, "seed is -1; accepted: an integer with 0 <= seed"),
        ({"seed": 0.5}, "seed is 0.5; accepted: an integer"),
    ],
)
def test_unknown_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(**{"name": "digits"} | arguments)
