"""Trainings that are killed go on where they were, to the bit."""

from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from files.npz_files import read_arrays
from models import kept_epoch
from models.whole_files import file_sum, whole

Logs = dict[str, float]  # what Keras hands to callbacks

#: How much work may be lost, unless writing would take more than a twentieth of the time.
SECONDS = 5.0
_LARGEST_SHARE = 1 / 20

_DAMAGED = (OSError, ValueError, KeyError, TypeError)


class Position(NamedTuple):
    """Where a training is: epochs that are finished, and batches of the next one."""

    epoch: int
    batch: int


class Resumption(keras.callbacks.Callback):
    """Writes what a training goes on from, and sets a new one to where a killed one was.

    That is every variable of the model that is fitted (weights, batch statistics, the states of
    random generators such as Dropout's), of its optimizer and of its metrics, and the history,
    with which other callbacks are told what they have to know. The order of the data and the draws
    of a defense follow from the position and the number of updates.

    `fit` has to start at `position`: with the epoch and, where some of its batches are done, for
    this epoch and its other batches alone. It goes behind the callbacks that add to the logs.

    Args:
        folder: of the states, which are written in turn; the newest whole one is gone on from.
        kept: the file of the best epoch's network, which another callback writes.
        keep: which epoch that is, see `models.KEEP`.
        apart: models that the training does not change, such as a teacher.
        seconds: see `SECONDS`.

    Attributes:
        position: where `fit` starts.
        history: one row per finished epoch.
        elapsed: seconds that the next epoch has taken so far.
        diverged: whether a loss was not finite; nothing is written from there on.
    """

    def __init__(
        self,
        folder: Path,
        kept: Path,
        keep: str,
        apart: Iterable[keras.Model] = (),
        seconds: float = SECONDS,
    ):
        super().__init__()
        self._folder, self._kept, self._keep, self._seconds = folder, kept, keep, seconds
        self._apart = {id(variable) for model in apart for variable in model.variables}
        self._number = 0  # of the file that was written last
        self._state = self._newest()
        self.position, self.elapsed = Position(0, 0), 0.0
        self._kept_sum = ""
        columns = ["epoch", "loss", "val_accuracy", "val_loss"]
        self.history = pd.DataFrame(columns=columns, dtype=float)
        if self._state is not None:
            self.position = Position(*map(int, self._state["position"]))
            self.elapsed = float(self._state["elapsed"])
            self._kept_sum = str(self._state["kept"])
            self.history = pd.DataFrame(_named(self._state, "history"))
        self.diverged = False
        self._first, self._done = self.position, self.position
        self._written = self._started = perf_counter()
        self._cost = 0.0

    @property
    def is_intact(self) -> bool:
        """Whether the file of the best epoch's network is as it was written."""
        return self._kept.is_file() and file_sum(self._kept) == self._kept_sum

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._started = perf_counter()
        if self._state is not None:  # once; Keras has made the variables, and reset the metrics
            self._restore(self._state)
            self._state = None

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        epoch = self._done.epoch
        before = self._first.batch if epoch == self._first.epoch else 0
        is_last = batch + 1 == self.params["steps"]  # the end of the epoch comes next
        if not is_last and self._is_due() and np.isfinite((logs or {}).get("loss", np.nan)):
            self._write(Position(epoch, before + batch + 1))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        row = {"epoch": epoch} | {
            name: float(value) for name, value in sorted((logs or {}).items())
        }
        so_far = self.history.to_dict("records")
        self.history = pd.DataFrame([*so_far, row])
        self.diverged = not np.isfinite([row["loss"], row["val_loss"]]).all()
        self._done, self.elapsed = Position(epoch + 1, 0), 0.0
        if self.diverged:
            return
        if kept_epoch(self.history, self._keep)[0] == epoch:
            self._kept_sum = file_sum(self._kept)
        if self._is_due() or epoch + 1 == self.params["epochs"]:
            self._started = perf_counter()
            self._write(self._done)

    def _is_due(self) -> bool:
        since = perf_counter() - self._written
        return since >= max(self._seconds, self._cost / _LARGEST_SHARE)

    def _groups(self) -> dict[str, list[Any]]:
        """The variables that change, each in one group, and each replica's own.

        Replicas differ in batch statistics, and in what their metrics have summed up so far.
        """
        of_each_replica = self.model.distribute_strategy.experimental_local_results
        groups, seen = {}, set(self._apart)
        for name, variables in (
            ("optimizer", self.model.optimizer.variables),
            ("metrics", self.model.metrics_variables),
            ("model", self.model.variables),
        ):
            new = [each for each in variables if id(each) not in seen]
            groups[name] = [part for each in new for part in of_each_replica(each.value)]
            seen |= {id(each) for each in new}
        return groups

    def _restore(self, state: dict[str, np.ndarray]) -> None:
        for name, variables in self._groups().items():
            if name == "metrics" and not self.position.batch:
                continue
            values = _named(state, name)
            for number, variable in enumerate(variables):
                value = values.get(str(number))
                if value is None or value.shape != tuple(variable.shape):
                    raise ValueError(
                        f"{self._folder} has no state of this training ({name} {number}); "
                        "accepted: what `run` left there (remove it to begin again)"
                    )
                variable.assign(value)

    def _write(self, position: Position) -> None:
        """Writes a state, into the file that has the older one of the two."""
        started = perf_counter()
        state = {
            "position": np.array(position),
            "elapsed": np.array(self.elapsed + started - self._started),
            "kept": np.array(self._kept_sum),
        }
        for column in self.history:
            state[f"history {column}"] = self.history[column].to_numpy()
        for name, variables in self._groups().items():
            for number, variable in enumerate(variables):
                state[f"{name} {number}"] = keras.ops.convert_to_numpy(variable)
        self._number = 1 - self._number
        with whole(self._folder / f"state-{self._number}.npz", overwrite=True) as file:
            np.savez(file, **state)  # type: ignore[arg-type]
        self._written = perf_counter()
        self._cost = self._written - started

    def _newest(self) -> dict[str, np.ndarray] | None:
        """The state of the training that came furthest, of those that can be read."""
        newest, furthest = None, Position(-1, 0)
        for number in (0, 1):
            try:
                state, _ = read_arrays(self._folder / f"state-{number}.npz")
                position = _position_of(state)
            except _DAMAGED:
                continue
            if position > furthest:
                newest, furthest, self._number = state, position, number
        return newest


def _position_of(state: dict[str, np.ndarray]) -> Position:
    """Where a training was; raises an error of `_DAMAGED` if the rest of the state is not there."""
    float(state["elapsed"])
    pd.DataFrame(_named(state, "history"))
    if state["kept"].shape:
        raise ValueError("kept is no checksum")
    return Position(*map(int, state["position"]))


def _named(state: dict[str, np.ndarray], group: str) -> dict[str, np.ndarray]:
    """The arrays of one group by their names in it."""
    start = f"{group} "
    return {name.removeprefix(start): state[name] for name in state if name.startswith(start)}
