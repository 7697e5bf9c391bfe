"""Results made by hand, and the smallest training and arm, for tests of the harness."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from attacks import FGSM
from harness.arms import Arm, Case, Network, Training
from harness.claims import Claim, Run, Standing, judged
from harness.recipe import Recipe
from harness.results import Compared, Results

#: The columns by which arms are the same but for their attack.
PLACE = ("case", "variant", "protocol", "defense", "view", "seed")
#: What a row of an arm has unless a test says otherwise: nothing is wrong with it.
ROW = {
    "case": "vgg16/cifar10",
    "model": "vgg16",
    "published_dataset": "cifar10",
    "dataset": "cifar10",
    "variant": "main",
    "protocol": "faithful",
    "defense": "none",
    "role": "undefended",
    "view": "softmax",
    "attack": "FGSM",
    "kind": "single step",
    "climbs": "cross-entropy",
    "norm": "linf",
    "classes": 10,
    "ci_low": 0.5,
    "rounded_accuracy": 0.0,
    "units": "pixels",
    "seed": 0,
    **dict.fromkeys(("not_finite", "spread", "random"), 0.0),
    **dict.fromkeys(("gradient_not_finite", "zero_gradient"), 0.0),
    **dict.fromkeys(("out_of_range", "rounds_away"), 0.0),
    **dict.fromkeys(("gradient_unresolved", "gradient_unstable", "quantised"), 0.0),
    **dict.fromkeys(("silent", "not_rising", "still_rising"), 0.0),
    "max_linf_to_previous": 0.01,
}
TRAINING = {
    "case": "vgg16/cifar10",
    "variant": "main",
    "protocol": "faithful",
    "role": "undefended",
    "procedure": "none",
    "seed": 0,
    "dataset": "cifar10",
}
COMPARED = {
    "faithful": Compared("as_listed", ("softmax",)),
    "corrected": Compared("corrected", ("logits", "logits / T")),
}

RECIPE = Recipe("Adam", 0.003, batch_size=32, epochs=1)
#: A network that is trained within a second.
SMALL = Training(
    network=Network("papernot_cnn", upsampling=1, width=1 / 16, preprocessing="unit"),
    dataset="digits",
    split="held-out",
    role="undefended",
    recipe=RECIPE,
    images=96,
    validation_images=32,
    erasing=False,
)


def small_arm(training: Training = SMALL, **changes: Any) -> Arm:
    """FGSM on a network like `SMALL`."""
    plain = Arm(
        case=Case("papernot_cnn", "digits"),
        protocol="corrected",
        variant="main",
        training=training,
        view="logits",
        attack_name="FGSM",
        attack=FGSM(),
        epsilons=(0.1,),
        images=40,
    )
    return replace(plain, **changes)


def made_arm(epsilons, correct, **columns: Any) -> tuple[str, list[dict[str, Any]], np.ndarray]:
    """An arm with outcomes bool [1 + E, N] at epsilons [1 + E] in [0, 1] pixels, 0 first."""
    correct = np.asarray(correct)
    row = ROW | columns
    names = ("case", "variant", "protocol", "defense", "view", "attack")
    arm = row.setdefault("arm", "/".join([*(row[name] for name in names), f"seed {row['seed']}"]))
    rows = [
        {
            "epsilon": epsilon,
            "epsilon_grey": 255 * epsilon,
            "reach": epsilon,
            "images": correct.shape[1],
            "correct": int(right.sum()),
            "accuracy": right.mean(),
            "others_share": 0.0,
            **row,
        }
        for epsilon, right in zip(epsilons, correct, strict=True)
    ]
    return arm, rows, correct


def made_results(
    *arms: tuple[str, list[dict[str, Any]], np.ndarray],
    trainings: list[dict[str, Any]] | None = None,
    histories: pd.DataFrame | None = None,
    compared=COMPARED,
    run: dict[str, Any] | None = None,
    **arrays: dict[str, dict[str, np.ndarray]],
) -> Results:
    """Results of arms from `made_arm`; trainings have the entries of `TRAINING` by default."""
    return Results(
        run={"study": "made", "profile": "demo", **(run or {})},
        table=pd.DataFrame([row for _, rows, _ in arms for row in rows]),
        trainings=pd.DataFrame([TRAINING | each for each in trainings or []]),
        histories=pd.DataFrame() if histories is None else histories,
        correct={arm: correct for arm, _, correct in arms},
        compared=compared,
        **arrays,
    )


def verdicts_on(
    claims: Sequence[Claim], results: Results, standing: Standing = Standing.PUBLISHED
) -> pd.DataFrame:
    """The verdicts on one run, which counts as done as published unless a test says otherwise."""
    return pd.DataFrame(map(vars, judged(claims, [Run("here", results, standing)])))
