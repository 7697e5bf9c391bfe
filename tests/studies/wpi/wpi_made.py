"""Results of the WPI study made by hand, and its verdicts on them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from harness.claims import Standing
from harness.results import Results
from made import made_arm, made_results, verdicts_on
from studies.wpi import arms, attacks, defenses
from studies.wpi.claims import CLAIMS
from studies.wpi.profiles import MNIST

ORDER = (*attacks.ATTACKS, attacks.UNSEEN)
FAITHFUL, CORRECTED = "mnist, faithful", "mnist, corrected"


def made(
    f1_like: dict,
    protocol="corrected",
    images=400,
    case=MNIST,
    profile="paper",
    clean=None,
    variant="main",
    slower=None,
    seconds=None,
    busy=(),
    **kept_of,
) -> Results:
    """Results where so many of the first images are right, by (defense, attack).

    A count may be a sequence, by epsilon. `clean` has the counts without attack and `slower` the
    factors of inference time by defense, `seconds` those of crafting by attack, and `busy` the
    attacks beside which other programs ran; `kept_of` changes what is kept of every image, by name:
    a function of the attack.
    """
    labels = np.arange(images) % 10
    made, details = [], {}
    for (defense, attack), counts in f1_like.items():
        plain = attack.removesuffix(", from undefended")
        known = plain in ORDER
        number = ORDER.index(plain) if known else 0
        at = plain if known or plain == attacks.BLIND else attacks.SWAP
        epsilons = attacks.epsilons(protocol, case.dataset, at)
        without = np.arange(images) < (clean or {}).get(defense, images)
        counts = np.broadcast_to(counts, len(epsilons))
        rights = [without, *(without & (np.arange(images) < count) for count in counts)]
        crafting = (seconds or {}).get(plain, 0.01 * (1 + number))
        made.append(
            made_arm(
                (0.0, *epsilons),
                np.vstack(rights),
                case=str(case),
                model=case.model,
                published_dataset=case.dataset,
                dataset=case.dataset,
                protocol=protocol,
                variant=variant,
                view="logits",
                defense=defense.in_results,
                attack=attack,
                others_share=0.06 if plain in busy else 0.04,
                inference_seconds=0.1 * images * (slower or {}).get(defense, 1),
                crafting_seconds=crafting
                * (len(epsilons) if plain in attacks.WITHIN_BUDGET else 1),
            )
        )
        details[made[-1][0]] = {
            "labels": labels,
            "predictions": np.vstack(
                [np.where(right, labels, (labels + 1) % 10) for right in rights]
            ),
            "l2": np.full(images, 1.0 + number),
            "linf": np.full(images, 0.1),
            "l0": np.full(images, 10.0),
            "ssim": np.full(images, 0.9 - 0.1 * number),
            "gap": np.full(images, 0.05),
        } | {name: np.full(images, value(plain)) for name, value in kept_of.items()}
    run = {"profile": profile}
    return made_results(*made, compared=arms.COMPARED, run=run, details=details)


ALL_ATTACKS = {
    (defenses.NONE, attacks.IFGSM): 40,
    (defenses.NONE, attacks.DEEPFOOL): 0,
    (defenses.NONE, attacks.CW): 120,
    (defenses.NONE, attacks.SWAP): 200,
}


def joined(*parts: Results) -> Results:
    return replace(
        parts[0],
        table=pd.concat([part.table for part in parts], ignore_index=True),
        correct={arm: each for part in parts for arm, each in part.correct.items()},
        details={arm: each for part in parts for arm, each in part.details.items()},
    )


def of(defense, *counts, also: bool = False) -> dict:
    """Counts of right images under the attacks of the study in order, and `also` under PGD."""
    names = [*attacks.ATTACKS, *([attacks.UNSEEN] if also else [])]
    return {(defense, name): count for name, count in zip(names, counts, strict=True)}


def judged(claim: str, results: Results, standing=Standing.PUBLISHED) -> pd.DataFrame:
    """The verdicts on one claim, by place."""
    (chosen,) = (each for each in CLAIMS if each.id == f"WPI-{claim}")
    return verdicts_on([chosen], results, standing).set_index("where")


def outcome(
    claim: str, results: Results, where: str = CORRECTED, standing=Standing.PUBLISHED
) -> str:
    return judged(claim, results, standing)["outcome"][where]
