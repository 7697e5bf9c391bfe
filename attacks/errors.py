"""What is wrong with a model under attack, in words of its own."""


class ModelError(ValueError):
    """The model cannot be attacked as it is; the message says what is accepted."""


class NoGradientError(ModelError):
    """TensorFlow knows of no way from the outputs of the model back to the images."""


def original(error: BaseException | None) -> ModelError | None:
    """The `ModelError` that a chain of errors began with, before TensorFlow put its text around it.

    `None` where there is none.
    """
    first = None
    while error is not None:
        first = error if isinstance(error, ModelError) else first
        error = error.__cause__ or error.__context__
    return first
