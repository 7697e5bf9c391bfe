"""What is left of a network where every image faces the attack that breaks it."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from evaluation import Estimate
from harness.arms import MAIN
from harness.results import Results
from harness.study import Study

_NETWORK = ["case", "protocol", "defense", "norm"]


def worst_case(study: Study, results: Results) -> pd.DataFrame:
    """A row for each network under two attacks or more: all together, beside the strongest one.

    Attacks count that have one norm and an epsilon in common, through every output, and those
    that were made on other networks. An image that a search for the smallest distance turned
    counts where it stayed within the epsilon.
    """
    return pd.DataFrame(_rows(study, results))


def _rows(study: Study, results: Results) -> Iterator[dict[str, str]]:
    table = results.select(variant=MAIN)
    attacked = table[(table["epsilon"] > 0) & np.isfinite(table["epsilon"])]
    for (case, protocol, defense, _), rows in attacked.groupby(_NETWORK, sort=False):
        at = rows[np.isclose(rows["epsilon_grey"], _epsilon(study, rows))]
        if at["arm"].nunique() > 1:
            network = results.label(case), defense.replace("none", "undefended")
            yield {"network": ", ".join(network), "protocol": protocol} | _together(results, at)


def _epsilon(study: Study, rows: pd.DataFrame) -> float:
    """In grey levels: where the study sums up, or else the largest of those most attacks have."""
    arms = rows.groupby("epsilon_grey")["arm"].nunique()
    summed_up = [
        grey for grey in arms.index if np.isclose(grey, [g for _, g in study.headline]).any()
    ]
    return max(summed_up or arms[arms == arms.max()].index)


def _together(results: Results, rows: pd.DataFrame) -> dict[str, str]:
    """The attacks of one network within one epsilon."""
    names = rows["attack"]
    if rows["view"].nunique() > 1:
        names = names + " through " + rows["view"]
    first = rows.iloc[0]
    left = {
        name: results.curve(arm=tuple(own["arm"])).at(grey=first["epsilon_grey"])
        for name, own in rows.groupby(names, sort=False)
    }
    images = min(each.shape[-1] for each in left.values())  # the first ones, which all attack
    correct = np.array([each[:, :images] for each in left.values()])
    strongest = int(correct.mean(axis=(1, 2)).argmin())
    is_alone = (~correct).sum(axis=0) == 1
    only = dict(zip(left, (~correct & is_alone).sum(axis=(1, 2)), strict=True))
    within = (
        f"{first['epsilon_grey']:.3g}/255" if first["norm"] == "linf" else f"{first['epsilon']:.3g}"
    )
    return {
        "within": f"{within} ({first['norm']})",
        "images": f"{images:,}",
        "attacks": str(len(left)),
        "strongest one": f"{100 * correct[strongest].mean():.1f} ({list(left)[strongest]})",
        "worst of all": Estimate.accuracy(correct.all(axis=0)).percent(),
        "images that one alone breaks": ", ".join(
            f"{n} {count}" for n, count in only.items() if count
        ),
    }
