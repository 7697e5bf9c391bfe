"""Combinations of the defenses that need no training."""

from collections.abc import Iterable

import keras


def defended(model: keras.Model, defenses: Iterable) -> keras.Model:
    """`model` with each of `defenses` put around it, the first one first.

    So the model stands inside the first defense, that inside the second, and an image meets the
    last one first. The order matters: noise within a blur is noise on the gradient before it
    passes the blur, and a blurred image has more grey levels than a rounded one.

    What is trained to withstand attacks is combined with these by giving it as `model`.

    Args:
        model: functional or built sequential, from images [N, height, width, channels] of a known
            size to logits. It shares its layers and stays as it was.
        defenses: `FeatureSmoothing`, `FeatureSqueezing`, `GradientMasking`, or others with a
            method `in_front(model) -> keras.Model`; none gives `model` itself.

    Returns:
        A Keras model. Where all defenses are `FeatureSmoothing` it is of ordinary layers and
        reloads from .h5 in plain Keras; to load others, import `defenses`.

    Raises:
        ValueError: an entry is no such defense, or the defense refuses the model.
    """
    for index, defense in enumerate(defenses):
        if isinstance(defense, type) or not hasattr(defense, "in_front"):
            raise ValueError(
                f"defenses[{index}] is {defense!r}; accepted: FeatureSmoothing, "
                "FeatureSqueezing, GradientMasking, or another with in_front(model)"
            )
        model = defense.in_front(model)
    return model
