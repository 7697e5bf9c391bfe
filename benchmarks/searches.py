"""The searches for small perturbations that `benchmarks.distances` compares, by norm and budget."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from attacks.carlini_wagner import CarliniWagner
from attacks.ddn import DDN
from attacks.deepfool import DeepFool
from attacks.engine.minimum_norm import MinimumNormAttack
from attacks.fab import FAB
from attacks.fmn import FMN
from attacks.sigma_zero import SigmaZero
from benchmarks import ours, pytorch
from benchmarks.libraries import FOOLBOX
from benchmarks.rows import NOTHING

NORMS = ("linf", "l2", "l1", "l0")
#: Other classes that DeepFool and FAB look at: all of ten but one.
_OTHERS = 9


@dataclass(frozen=True)
class Search:
    """An attack whose settings follow from the gradients that it may take for an image.

    Attributes:
        attack: its name, the same for all libraries.
        make: ours, from the budget; or `None` for another library.
        library, method, arguments: how another library is called, which takes one gradient in
            each of its `steps`.
    """

    attack: str
    norm: str
    make: Callable[[int], MinimumNormAttack] | None = None
    library: str = ours.NAME
    method: str = ""
    arguments: Mapping = field(default_factory=lambda: NOTHING)

    @property
    def name(self) -> str:
        return self.attack if self.make else f"{self.attack}, {self.library}"


def _deepfool(norm: str) -> Search:
    return Search("DeepFool", norm, lambda budget: DeepFool(max(1, budget // _OTHERS), norm))


def _fab(norm: str) -> Search:
    def make(budget: int) -> FAB:
        return FAB(max(1, budget // _OTHERS), norm, targets=_OTHERS)

    return Search("FAB", norm, make)


def _carlini_wagner(budget: int) -> CarliniWagner:
    runs = CarliniWagner.search_steps
    return CarliniWagner(steps=max(1, budget // runs))


def _theirs(attack: str, norm: str, method: str, libraries: tuple[str, ...], arguments=NOTHING):
    return [Search(attack, norm, None, library, method, arguments) for library in libraries]


_BOTH = (FOOLBOX, pytorch.NAME)
SEARCHES = (
    _deepfool("linf"),
    _fab("linf"),
    _deepfool("l2"),
    _fab("l2"),
    Search("CW", "l2", _carlini_wagner),
    Search("DDN", "l2", DDN),
    *_theirs("DDN", "l2", "ddn", _BOTH),
    Search("sigma-zero", "l0", SigmaZero),
    *_theirs("sigma-zero", "l0", "sigma_zero", (pytorch.NAME,)),
    *(Search("FMN", norm, lambda budget, norm=norm: FMN(budget, norm)) for norm in NORMS),
    *(each for norm in NORMS for each in _theirs("FMN", norm, "fmn", _BOTH, {"norm": norm})),
)
