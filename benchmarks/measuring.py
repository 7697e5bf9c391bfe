"""One row measured: who takes part, outcomes, times, efficiency."""

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from attacks.engine.norms import distances
from benchmarks import bare, ours
from benchmarks.networks import BUILDERS, Network
from benchmarks.ours import Ours
from benchmarks.rows import Row, Scaling
from benchmarks.timing import Contestant, Timings, alternate

BARE = "bare passes"
EQUAL = 1e-6
Say = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """The measurements of a row.

    Attributes:
        timings: seconds of all contestants, `BARE` among them.
        credited: the share of our passes that counts for an image, see `benchmarks.bare`.
        passes: the number of bare passes of each kind and batch size, by "kind x size".
        outcomes: accuracies and distances by contestant, which show that all did the same work.
        difference: largest difference of a pixel from CleverHans, where they have to be equal.
        memory: peak in MiB, by contestant.
    """

    row: Row
    timings: Timings
    credited: float
    passes: dict[str, int]
    outcomes: dict[str, dict]
    difference: float | None = None
    memory: Mapping[str, float] | None = None

    @property
    def ratios(self) -> dict[str, float]:
        return {name: r for name, r in self.timings.ratios(ours.NAME).items() if name != BARE}

    @property
    def efficiency(self) -> float:
        """Time of the bare passes that count / our time."""
        return self.credited * self.timings.ratios(ours.NAME)[BARE]


class Bench:
    """The networks, and every library's view of them, made when they are first needed."""

    def __init__(self, libraries: Mapping[str, type]):
        self.libraries = libraries
        self.network = functools.cache(lambda name: BUILDERS[name]())
        self._library = functools.cache(lambda kind, network: kind(self.network(network).model))
        self._bare = functools.cache(lambda network: bare.Bare(self.network(network).model))

    def contestants(self, row: Row, libraries=None) -> list[Contestant]:
        """We first, then the libraries that offer the work."""
        contestants = [
            Contestant(ours.NAME, _call(self._library(Ours, row.network), row, self._data(row)))
        ]
        for name in self.libraries if libraries is None else libraries:
            kind = self.libraries.get(name)
            if kind and hasattr(kind, row.method) and name not in row.without:
                part, factor = timed_part(row, kind)
                library = self._library(kind, row.network)
                contestants.append(Contestant(name, _call(library, part, self._data(row)), factor))
        return contestants

    def measure(
        self, row: Row, repeats: int, say: Say = lambda text: None, at_least: float = 0.0
    ) -> Measured:
        """Each contestant `repeats` times, and more often until `at_least` seconds have gone."""
        contestants = self.contestants(row)
        results = {}
        for each in contestants:
            say(f"{each.name}, warm-up")
            results[each.name] = each.run()
        say("counting passes")
        passes, credited = self._passes(row)
        images, labels = self._data(row)
        contestants.append(Contestant(BARE, self._bare(row.network).replay(passes, images, labels)))
        contestants[-1].run()
        return Measured(
            row,
            alternate(contestants, repeats, say, at_least),
            credited,
            dict(Counter(f"{kind} x {size}" for kind, size in passes)),
            {name: outcome(each, self._network(row)) for name, each in results.items()},
            _difference(results) if row.equal and "CleverHans" in results else None,
        )

    def scale(self, scaling: Scaling, repeats: int, say: Say = lambda text: None) -> Timings:
        """Times of each library at each value; they all take turns."""
        contestants = []
        for value in scaling.values:
            row = scaling.at(value)
            for each in self.contestants(row, scaling.libraries):
                contestants.append(replace(each, name=f"{each.name} at {value}"))
        for each in contestants:
            say(f"{each.name}, warm-up")
            each.run()
        return alternate(contestants, repeats, say)

    def _network(self, row: Row) -> Network:
        whole = self.network(row.network)
        return replace(whole, images=whole.images[: row.images], labels=whole.labels[: row.images])

    def _data(self, row: Row) -> tuple[np.ndarray, np.ndarray]:
        network = self._network(row)
        return network.images, network.labels

    def _passes(self, row: Row) -> tuple[list[tuple[str, int]], float]:
        """The bare passes of our attack, and the share of them that is credited."""
        recorded = bare.Recorded(self.network(row.network).model)
        result = _call(Ours(recorded), row, self._data(row))()
        passes = bare.passes(recorded.passes, row.bare)
        if row.method == "fgsm_accuracies":
            count = len(row.arguments["epsilons"])
            passes = passes + count * [(bare.FORWARDS, size) for _, size in passes]
        return passes, bare.credited(recorded.passes, row.bare, result)


def timed_part(row: Row, kind: type) -> tuple[Row, int]:
    """The part of a row that is run, and the factor for its time."""
    if not (row.sweep and kind.times_one_epsilon):
        return row, 1
    epsilons = row.arguments["epsilons"]
    middle = [epsilons[len(epsilons) // 2]]
    return replace(row, arguments={**row.arguments, "epsilons": middle}), len(epsilons)


def _call(library, row: Row, data: tuple[np.ndarray, np.ndarray]) -> Callable[[], object]:
    return functools.partial(getattr(library, row.method), *data, **row.arguments)


def outcome(result, network: Network) -> dict:
    """Accuracies, and the mean L2 distance of the images that fool the model, as plain numbers."""
    if hasattr(result, "broken_at"):
        return {"accuracies": result.accuracy.tolist()}
    if isinstance(result, list) and np.ndim(result[0]) == 0:
        return {"accuracies": [float(accuracy) for accuracy in result]}
    several = result if isinstance(result, list) else [result]
    accuracies, lengths = [], []
    for each in several:
        images = getattr(each, "images", each)
        logits = network.model.predict(images, verbose=0)
        fooled = logits.argmax(axis=1) != network.labels
        accuracies.append(float(1 - fooled.mean()))
        l2 = distances(images - network.images)["l2"][fooled]
        lengths.append(float(l2.mean()) if len(l2) else None)
    return {"accuracies": accuracies, "mean_l2": lengths}


def _difference(results: dict) -> float:
    pairs = zip(results[ours.NAME], results["CleverHans"], strict=True)
    return float(max(np.abs(first - second).max() for first, second in pairs))
