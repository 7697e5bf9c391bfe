"""The command line called in this process, and a small classifier for it to attack."""

import keras
import numpy as np
from keras import layers
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

import data
import reproduce


def run(*words):
    return CliRunner().invoke(reproduce.app, [str(word) for word in words])


def said(result) -> str:
    """What was printed, without line breaks and boxes."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return " ".join(result.output.replace("│", " ").split())


def fitted_to_digits(images: int = 40) -> keras.Model:
    """Linear in the means of 4x4 squares; right on nearly all of the first test images."""
    digits = data.load("digits")
    x, y = digits.x_test[:images], digits.y_test[:images]
    means = x.reshape(images, 4, 8, 4, 8, 3).mean(axis=(2, 4)).reshape(images, -1)
    fitted = LogisticRegression(max_iter=1000).fit(means, y)
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(10)]
    )
    model.layers[-1].set_weights([np.float32(fitted.coef_.T), np.float32(fitted.intercept_)])
    return model
