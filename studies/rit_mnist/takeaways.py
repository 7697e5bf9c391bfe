"""What examples made once teach, and examples of the current weights: a table, sentences."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from evaluation import Estimate, alike
from harness.arms import TRANSFERRED, Protocol
from harness.results import Results, run_by_key
from harness.study import Takeaways
from reports.takeaways import images_of, percent, says
from studies.rit_mnist import curves
from studies.rit_mnist.arms import CASE, NAMES
from studies.rit_mnist.profiles import robust_epsilon

#: By column of the table, an attack.
_SET, _FGSM, _PGD = "FGSM from the baseline", "FGSM", "PGD-40"
_ATTACKS = {
    _SET: TRANSFERRED.format("FGSM"),
    "PGD-40 from the baseline": TRANSFERRED.format("PGD"),
    _FGSM: "FGSM",
    _PGD: "PGD",
}
#: Of these the sentences speak.
_BASELINE, _STATIC, _CONTROL, _FLY = "undefended", "fgsm_retrained", "control", "on_the_fly"

#: By column, bool [seeds, images]; "clean" and "worst" are among them.
Correct = Mapping[str, np.ndarray]


def takeaways(results: Results) -> Takeaways | None:
    """`None` where not all of the networks that they speak of were run."""
    epsilon = robust_epsilon(results)
    seen = run_by_key(lambda role: _attacked(results, role, epsilon), NAMES)
    if not {_BASELINE, _STATIC, _CONTROL, _FLY} <= set(seen):
        return None
    title = f"Accuracy in percent at epsilon {epsilon:g}: {results.label(CASE)}"
    return Takeaways(
        f"{title}, {images_of(seen[_FLY]['worst'])}", _table(seen), _sentences(seen, epsilon)
    )


def _attacked(results: Results, role: str, epsilon: float) -> Correct:
    """One network under every attack, on the images that all of them were given."""
    attacks = {
        column: attack
        for column, attack in _ATTACKS.items()
        if role != _BASELINE or attack in ("FGSM", "PGD")  # the others are made on itself
    }
    found = [
        curve
        for attack in attacks.values()
        for curve in curves.attacked(results, role, attack=attack, protocol=Protocol.CORRECTED)
    ]
    every = alike(*found)
    correct = dict(zip(attacks, (curve.at(epsilon) for curve in every), strict=True))
    worst = np.logical_and.reduce([*correct.values()])
    return {"clean": every[0].at(0.0), **correct, "worst": worst}


def _table(seen: Mapping[str, Correct]) -> pd.DataFrame:
    columns = ("clean", *_ATTACKS, "worst")
    return pd.DataFrame(
        [
            {
                "network": NAMES[role],
                **{name: percent(each[name]) if name in each else "" for name in columns},
            }
            for role, each in seen.items()
        ]
    )


def _sentences(seen: Mapping[str, Correct], epsilon: float) -> list[str]:
    baseline, static, control, fly = (seen[role] for role in (_BASELINE, _STATIC, _CONTROL, _FLY))
    looks = Estimate.paired(static[_SET], baseline[_FGSM])
    taught = Estimate.paired(static[_SET], control[_SET])
    learned = Estimate.paired(static[_SET], static["worst"])
    holds = Estimate.paired(fly["worst"], static["worst"])
    return [
        f"Retrained on FGSM examples that were made once, on the baseline, the network keeps "
        f"{percent(static[_SET])} % right under such examples at {epsilon:g}, where the baseline "
        f"keeps {percent(baseline[_FGSM])} %: it "
        f"{says(looks, 'looks robust', 'does not look robust')}. As many updates on clean images "
        f"alone keep {percent(control[_SET])} %: the examples "
        f"{says(taught, 'have taught it something', 'have taught it nothing that shows')}.",
        f"Attacked itself it keeps {percent(static[_FGSM])} % under FGSM and "
        f"{percent(static[_PGD])} % under PGD-40: "
        f"{says(learned, 'it has learned these examples, not what is around an image', 'it holds')}"
        f".",
        f"Trained on PGD examples of its current weights, the network keeps "
        f"{percent(fly['worst'])} % under all attacks of this table; the gain over the "
        f"static set is {holds.points()} points: "
        f"{says(holds, 'that is robustness', 'that is no more robust')}.",
    ]
