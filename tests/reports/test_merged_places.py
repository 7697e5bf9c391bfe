"""Places that are the same in both protocols are one on the pages of verdicts."""

import pandas as pd

from harness.claims import Run, Standing, Verdict
from harness.rule import Ruling
from made import made_arm, made_results
from reports.verdicts import by_claim, measured_on


def verdict(where: str, evidence: str = "0.5", outcome=Ruling.CONFIRMED, folder="laptop"):
    return Verdict("WPI-1a", "it is excellent", folder, where, outcome, evidence)


def places(*verdicts: Verdict) -> list[str]:
    ((part,),) = by_claim(verdicts)
    return [each.where for each in part.verdicts]


def test_what_differs_in_nothing_but_the_protocol_is_one_place():
    alike = verdict("mnist, faithful, PGD"), verdict("mnist, corrected, PGD")
    assert places(*alike) == ["mnist, faithful and corrected, PGD"]
    ((part,),) = by_claim([*alike, verdict("gtsrb, faithful, PGD")])
    assert part.summed_up == "confirmed" and len(part.verdicts) == 2


def test_others_stay_apart():
    first = verdict("mnist, faithful")
    for other in (
        verdict("mnist, corrected", evidence="0.6"),
        verdict("mnist, corrected", outcome=Ruling.REFUTED),
        verdict("mnist, corrected", folder="paper"),
        verdict("gtsrb, corrected"),
    ):
        assert places(first, other) == [first.where, other.where]


def test_what_a_run_was_measured_on_is_said():
    arms = [
        made_arm([0.0, 0.1], [[True] * images] * 2, protocol=protocol, attack=attack, seed=seed)
        for protocol, attack, images, seed in (
            ("faithful", "FGSM", 200, 0),
            ("corrected", "FGSM", 1_000, 0),
            ("corrected", "CW", 400, 1),
        )
    ]
    results = made_results(*arms)
    assert isinstance(results.table, pd.DataFrame)
    said = measured_on(Run("laptop", results, Standing.REDUCED))
    assert said.endswith("; test images: faithful 200; corrected 400 to 1,000; 2 seeds")
    assert said.startswith(results.label(results.table["case"].iloc[0]))
