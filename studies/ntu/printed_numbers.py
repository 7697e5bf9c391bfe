"""What the printed numbers of NTU show of its audit by themselves."""

from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from harness.links import printed, read_published
from harness.recipe import DecayAndHalve
from harness.results import selected
from studies.ntu import arms, units
from studies.ntu.claims import REACH
from studies.ntu.published import FOLDER, NAMES, clean_accuracy, link

_NONE, _DISTILLED = "none", "defensive distillation"
_LAST = arms.LEVELS[-1]
#: By how much a number may be off that is rounded to two decimals.
_ROUNDED = 0.005 + 1e-9


@cache
def cells() -> pd.DataFrame:
    """The accuracies under attack in percent.

    A row for each model, data set, attack and epsilon, a column for each defense.
    """
    rows = selected(read_published(FOLDER), measures="accuracy under attack")
    rows = rows.astype({"epsilon": float, "value": float})
    place = ["model", "dataset", "attack", "epsilon"]
    return rows.pivot(index=place, columns="defense", values="value")


def shares_left() -> str:
    """NTU-A1."""
    shares = [100 * units.published_shares(case, "FGSM")[-1] for case in arms.CASES]
    return (
        f"By the printed tables FGSM at {_LAST} leaves {min(shares):.0f} to {max(shares):.0f} % of "
        "the clean accuracy of the undefended networks."
    )


def constant_columns() -> str:
    """NTU-A2."""
    pgd = cells().xs("PGD", level="attack")
    beyond = pgd[pgd.index.get_level_values("epsilon") > 0.999 * REACH]
    values = beyond.groupby(level=["model", "dataset"]).nunique()
    return (
        f"{int((values == 1).sum().sum())} of the {values.size} printed columns of PGD are "
        f"constant from {REACH:g} on."
    )


def fgsm_below_pgd() -> str:
    """NTU-A4."""
    vgg = cells().loc["VGG-16"].stack().unstack("attack")
    beyond = vgg[vgg.index.get_level_values("epsilon") > 1.001 * REACH]
    below = int((beyond["FGSM"] < beyond["PGD"]).sum())
    return (
        f"Beyond {REACH:g}, {below} of {len(beyond)} printed accuracies of VGG-16 under FGSM are "
        "below those under PGD."
    )


def above_clean() -> str:
    """NTU-A5."""
    clean = {NAMES[case]: clean_accuracy(case, "test") for case in arms.CASES}
    none = cells()[_NONE]
    above = sum(none[place] > clean[place[:2]] for place in none.index)
    return (
        "Printed accuracies of undefended networks under attack that are above the clean one: "
        f"{above} of {len(none)}."
    )


def two_hundred_images() -> str:
    """NTU-A7."""
    values, images = cells().to_numpy().ravel(), arms.TEST_IMAGES
    whole = int(np.isclose(values * images / 100 % 1, 0).sum())
    first, second = (cells()[defense] / 100 for defense in (_DISTILLED, _NONE))
    both = (first + second) / 2
    z = (first - second).abs() / np.sqrt(2 * both * (1 - both) / images)
    differ = int((z > stats.norm.isf(0.025)).sum())
    return (
        f"{whole} of the {len(values)} printed accuracies are whole numbers of {images} images. In "
        f"{len(z) - differ} of {len(z)} cells an unpaired test at 5 % does not tell the distilled "
        "network from the undefended one."
    )


def test_less_validation() -> str:
    """NTU-A8."""
    listed = ", ".join(
        f"{clean_accuracy(case, 'test') - clean_accuracy(case, 'validation'):+.2f} "
        f"({' on '.join(names)})"
        for case, names in NAMES.items()
    )
    return f"The printed test accuracy less that of the validation, in points: {listed}."


def other_budgets() -> str:
    """NTU-A10."""
    recipes = arms.RECIPES.values()
    other = sum(undefended.epochs != student.epochs for undefended, _, student in recipes)
    return (
        f"In {other} of {len(recipes)} cases the student is trained for other epochs than the "
        "undefended network."
    )


def layers() -> str:
    """NTU-A17."""
    rows = selected(read_published(FOLDER), table="Section 3.2.1")
    shown = []
    for kind in ("convolutions", "max-poolings", "Dense layers"):
        stated = selected(rows, measures=kind)
        shown.append(
            f"{link(stated.iloc[0]).setting:g} {kind} (text: {' or '.join(stated['value'])})"
        )
    return f"The network of the listing, as it is built here, has {', '.join(shown)}."


def rate_left() -> str:
    """NTU-A18."""
    images, shown = printed(FOLDER, measures="training images"), []
    for recipe, *_ in (arms.RECIPES[arms.VGG_ON_CIFAR10], arms.RECIPES[arms.VGG_ON_CIFAR100]):
        updates = recipe.epochs * np.ceil(images / recipe.batch_size)
        rate = float(DecayAndHalve(recipe.learning_rate, recipe.decay, 0)(updates))
        shown.append(f"{rate:.4f} after {recipe.epochs} epochs in batches of {recipe.batch_size}")
    return f"The listed decay leaves a rate of {' and of '.join(shown)}."


def averages() -> str:
    """NTU-A21."""
    rows = read_published(FOLDER)
    stated = rows[rows["measures"].str.match("mean (drop|gain)")]
    apart = []
    for _, row in stated.iterrows():
        of_tables, value = _average(row), float(row["value"])
        if abs(value - of_tables) > _ROUNDED:
            apart.append(
                f"{row['model']} on {row['dataset']}, {row['attack']} {row['measures']}: "
                f"{value:.2f} for {of_tables:.4f}"
            )
    return (
        f"{len(stated) - len(apart)} of the {len(stated)} printed averages follow from the tables; "
        f"the others are {'; '.join(apart)}."
    )


def _average(row: pd.Series) -> float:
    """A printed average, from the tables."""
    model, dataset = row["model"], row["dataset"]
    means = cells().loc[model, dataset, row["attack"]].mean()
    (case,) = (case for case, names in NAMES.items() if names == (model, dataset))
    what, _, is_reversed = row["measures"].partition(": ")
    reference = means[_NONE] if what == "mean gain" else clean_accuracy(case, "test")
    gain = means[row["defense"]] - reference
    sign = 1 if (what == "mean gain") != bool(is_reversed) else -1
    return float(sign * gain)


def better_cells() -> str:
    """NTU-A22."""
    vgg = cells().loc[NAMES[arms.VGG_ON_CIFAR10]]
    small = vgg[vgg.index.get_level_values("epsilon") < 1.001 * REACH]
    better = int((small[_DISTILLED] > small[_NONE]).sum())
    return (
        f"By the tables the distilled VGG-16 on CIFAR-10 is better in {better} of {len(small)} "
        f"cells from {arms.LEVELS[0]} to {REACH:g}."
    )
