"""The entry point, and the arguments that all builders share."""

import pytest

import models


def test_build_calls_the_builder_of_that_name():
    model = models.build("vgg16", num_classes=7, upsampling=1, width=0.05, name="teacher")
    assert (model.name, model.output_shape) == ("teacher", (None, 7))
    assert models.NAMES == (
        *("vgg16", "resnet50", "inception_v3"),
        *("papernot_cnn", "wpi_cnn", "rit_cnn"),
        *("resnext50_32x4d", "regnety_400mf", "alexnet"),
        *("densenet201", "vgg19", "resnet101", "mobilenet", "mobilenet_v2"),
    )


@pytest.mark.parametrize("name", models.NAMES)
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 1}, "num_classes is 1; accepted: a whole number, 2 or more"),
        ({"num_classes": 10.0}, "num_classes is 10.0; accepted: a whole number"),
        ({"upsampling": 0}, "upsampling is 0; accepted: a whole number, 1 or more"),
        ({"upsampling": 2.5}, "upsampling is 2.5; accepted: a whole number"),
        ({"width": 0}, "width is 0; accepted: a finite number above 0"),
        ({"width": float("nan")}, "width is nan; accepted: a finite number"),
        (
            {"input_shape": (32, 32)},
            r"input_shape is \(32, 32\); accepted: three positive integers",
        ),
        ({"input_shape": (32, None, 3)}, "input_shape"),
        ({"preprocessing": "caffe"}, "preprocessing is 'caffe'; accepted: 'raw', 'unit'"),
    ],
)
def test_refused_arguments(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        models.build(name, **{"num_classes": 10} | arguments)


@pytest.mark.parametrize(
    "name, too_small, enough",
    [
        ("vgg16", 1, 2),
        ("resnet50", 3, 4),
        ("inception_v3", 9, 10),
        ("papernot_cnn", 1, 2),
        ("resnext50_32x4d", 3, 4),
        ("regnety_400mf", 3, 4),
        ("alexnet", 11, 12),
        ("densenet201", 3, 4),
    ],
)
def test_images_too_small_for_the_network(name, too_small, enough):
    with pytest.raises(
        ValueError, match=f"upsampling is {too_small}, .* pixels; accepted: {enough} or more, for"
    ):
        models.build(name, 10, input_shape=(8, 12, 3), upsampling=too_small)


def test_unknown_name():
    with pytest.raises(ValueError, match="'vgg13'; accepted: vgg16, resnet50, inception_v3"):
        models.build("vgg13", 10)
