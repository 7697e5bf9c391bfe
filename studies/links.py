"""How a published number is tied to what measures it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """What stands beside one published row.

    Attributes:
        kind: "setting" is compared with the paper profile; "claim" is judged as one; "background"
            is no result of the study; "no counterpart" is one that nothing here measures, as
            `remark` says. Every other kind, such as "accuracy under attack", "mean drop" or
            "top-1 error", is measured: the report of the study says how.
        cases: the cases it speaks of.
        role: "undefended" or "student", or "all" for both.
        attacks: the attacks it speaks of.
        epsilon_grey: in 0-255 grey levels.
        split: of a clean accuracy: "train", "validation" or "test".
        sign: -1 where the study prints an increase as a positive drop, or a loss as a gain.
        setting: the value of the paper profile.
        index: which one; of a confidence the class and the rank, 1 the first.
        remark: what a reader has to know.
    """

    kind: str
    cases: tuple[str, ...] = ()
    role: str = ""
    attacks: tuple[str, ...] = ()
    epsilon_grey: float | None = None
    split: str = ""
    sign: int = 1
    setting: float | None = None
    index: tuple[int, ...] = ()
    remark: str = ""

    @property
    def is_measured(self) -> bool:
        return self.kind not in ("setting", "claim", "background", "no counterpart")
