"""Trainings that are killed and resumed."""

import shutil
from pathlib import Path

import keras


def backups(folder: Path) -> tuple[list, list]:
    """Callbacks of a whole training, and of one that goes on from its backup after two epochs.

    The backup is copied when the third epoch begins: what a training leaves that is killed there.
    """
    whole, killed = folder / "whole", folder / "killed"
    copy = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epoch == 2 and shutil.copytree(whole, killed)
    )
    backup = keras.callbacks.BackupAndRestore
    return [backup(whole), copy], [backup(killed)]
