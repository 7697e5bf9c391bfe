"""The curves of trainings for TensorBoard, on request."""

from importlib.util import find_spec
from pathlib import Path

import keras


def check_installed(folder: Path) -> None:
    """Raises ValueError if TensorBoard, which recent TensorFlow does not bring, is missing."""
    if find_spec("tensorboard") is None:
        raise ValueError(
            f"--tensorboard is {folder} and TensorBoard is not installed; accepted: with it "
            "(pip install tensorboard)"
        )


def curves(folder: Path) -> keras.callbacks.Callback:
    """Writes what is logged of every epoch into `train` and `validation` under `folder`."""
    return keras.callbacks.TensorBoard(str(folder), write_graph=False)
