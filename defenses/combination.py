"""Combinations of the defenses that need no training."""

from collections.abc import Iterable

import keras


def defended(model: keras.Model, defenses: Iterable) -> keras.Model:
    """Puts each of `defenses` in front of `model`, one after the other.

    The first defense is next to the model, and an image passes the last one first. The order
    matters: with a blur last, the noise of a `GradientMasking` is blurred on its way back to the
    image, and with a rounding last, a blur behind it adds grey levels again.

    To combine these with adversarial training or distillation, give the trained network as `model`.

    Args:
        model: functional or built sequential, from images [N, height, width, channels] of a known
            size to logits. Its layers are shared, and it stays as it was.
        defenses: `FeatureSmoothing`, `FeatureSqueezing`, `GradientMasking`, or others with a
            method `in_front(model) -> keras.Model`. An empty list gives `model` itself.

    Returns:
        A Keras model. If all defenses are `FeatureSmoothing`, it has ordinary layers only and loads
        from .h5 in plain Keras; to load others, import `defenses`.

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
