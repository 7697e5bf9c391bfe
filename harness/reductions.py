"""What a profile reduces against the published settings, in sentences."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from operator import attrgetter
from typing import Any, NamedTuple

from harness.arms import MAIN, Arm, Case, PatchArm, Protocol, Training
from harness.plan import Plan
from harness.study import Profile, Study

_MOMENTUM = "momentum of the averages of batch normalisation"
#: What a setting of `None` means; of others, that all are taken.
_MISSING = {"weights": "from scratch", _MOMENTUM: "the network's own"}


class Change(NamedTuple):
    """A setting that a profile changes."""

    setting: str
    here: Any
    published: Any

    def __str__(self) -> str:
        missing = _MISSING.get(self.setting, "all")
        here, published = (missing if each is None else each for each in self[1:])
        return f"{self.setting} {here} instead of {published}"


#: What a profile may change of a training, and where it stands.
_SCALE = {
    "up-sampling": "network.upsampling",
    "width": "network.width",
    "weights": "network.weights",
    "split": "split",
    "training images": "images",
    "validation images for choosing the epoch": "validation_images",
}
_RECIPE = {
    "epochs": "recipe.epochs",
    "batch size": "recipe.batch_size",
    "learning rate": "recipe.learning_rate",
    "schedule of the learning rate": "recipe.schedule",
    _MOMENTUM: "recipe.batch_norm_momentum",
}


def reductions(study: Study, profile: Profile, todo: Plan) -> list[str]:
    """A sentence for everything that the plan changes against the paper profile."""
    paper = study.profile("paper")
    originals = _originals(study, profile)
    pairs = [(arm, originals[arm.key]) for arm in todo.arms if arm.key in originals]
    cases = {arm.case for arm in todo.arms}
    return [
        *_stand_ins(profile, todo),
        *_seeds(todo.arms, originals.values(), cases),
        *_changed_trainings(pairs),
        *_fewer_images(pairs),
        *_left_out(paper, cases),
        *_missing_arms(study.arms(profile), originals.values(), cases),
        *_changed_attacks(pairs),
    ]


def is_as_published(study: Study, todo: Plan) -> bool:
    """Whether a plan has the networks, trainings and attacks of the paper profile.

    How many seeds and test images there are does not count, nor what was left out: intervals tell
    of the former, and what was not run is not judged. Nor do the corrected attacks, which are no
    study's.
    """
    originals = {arm.key: arm for arm in study.arms(study.profile("paper"))}
    if any(arm.key not in originals for arm in todo.arms):
        return False
    pairs = [(arm, originals[arm.key]) for arm in todo.arms]
    faithful = [pair for pair in pairs if pair[0].protocol == Protocol.FAITHFUL]
    same_networks = all(arm.networks == original.networks for arm, original in pairs)
    return same_networks and not any(_changed_attacks(faithful))


def other_precision(precision: str) -> list[str]:
    """What is said of networks that compute otherwise than in the studies."""
    return [] if precision == "float32" else [f"precision {precision} instead of float32"]


def reductions_of_network(study: Study, profile: Profile, arm: Arm) -> list[str]:
    """What is changed of the training of an arm's network against the paper profile."""
    originals = _originals(study, profile)
    if arm.key not in originals:
        return []
    return [str(each) for each in _training_changes(arm.training, originals[arm.key].training)]


def _originals(study: Study, profile: Profile) -> dict[str, Arm]:
    """The arms of the paper profile by key, and of networks that stand in for its own."""
    paper = study.profile("paper")
    stand_ins = {each: scope for each, scope in profile.cases.items() if each not in paper.cases}
    arms = study.arms(replace(paper, cases={**paper.cases, **stand_ins}))
    return {arm.key: arm for arm in arms}


def _stand_ins(profile: Profile, todo: Plan) -> Iterator[str]:
    used = {training.dataset for training in todo.trainings}
    for published, stand_in in profile.datasets.items():
        if stand_in != published and stand_in in used:
            yield f"data set {published}: {stand_in} stands in for it"


def _seeds(arms: Iterable[Arm], originals: Iterable[Arm], cases: set[Case]) -> Iterator[str]:
    here, published = (
        len({arm.training.run for arm in each if arm.case in cases}) for each in (arms, originals)
    )
    if here < published:
        yield f"seeds: {here} instead of {published}"


def _changed_trainings(pairs: list[tuple[Arm, Arm]]) -> Iterator[str]:
    roles: dict[tuple[Case, Change], dict[str, None]] = defaultdict(dict)
    for arm, original in pairs:
        for change in _training_changes(arm.training, original.training):
            roles[arm.case, change].setdefault(arm.training.role)
    for (case, change), changed in roles.items():
        yield f"{case} ({', '.join(changed)}): {change}"


def _training_changes(training: Training, published: Training) -> Iterator[Change]:
    """Wherever a profile changes the scale of a training."""
    names = dict(_SCALE)
    if published.recipe.epochs:  # else it is not trained, and a stand-in has a recipe of its own
        names |= _RECIPE
    if training.dataset == published.dataset:
        names |= {"images per class": "images_per_class"}
    for setting, path in names.items():
        change = Change(setting, *(attrgetter(path)(each) for each in (training, published)))
        if change.here != change.published:
            yield change
    yield from _defense_changes(training, published)


def _defense_changes(training: Training, published: Training) -> Iterator[Change]:
    """Wherever a profile changes a setting of a trained defense."""
    if training.defense is None or type(training.defense) is not type(published.defense):
        return
    originals = vars(published.defense)
    for name, here in vars(training.defense).items():
        if here != originals[name]:
            setting = f"{name.replace('_', ' ')} of {training.defense.name}"
            yield Change(setting, here, originals[name])


def _fewer_images(pairs: list[tuple[Arm, Arm]]) -> Iterator[str]:
    """Test images by case and protocol; attacks are named where they differ among themselves."""
    names: dict[tuple[Case, str], dict[Change, dict[str, None]]] = defaultdict(dict)
    for arm, original in pairs:
        if not isinstance(arm, PatchArm):
            change = Change("test images", arm.images, original.images)
            at_place = names[arm.case, arm.protocol]
            at_place.setdefault(change, {}).setdefault(arm.attack_name)
    for (case, protocol), changes in names.items():
        for change, attacks in changes.items():
            if change.here != change.published:
                listed = "attacks" if len(changes) == 1 else "; ".join(attacks)
                yield f"{case}, {protocol} {listed}: {change}"


def _left_out(paper: Profile, cases: set[Case]) -> Iterator[str]:
    left_out = [str(case) for case in paper.cases if case not in cases]
    if left_out:
        yield f"not run: {', '.join(left_out)}"


def _missing_arms(arms: Iterable[Arm], originals: Iterable[Arm], cases: set[Case]) -> Iterator[str]:
    """The arms of some cases that a profile does without, seeds apart."""

    def place(arm: Arm) -> str:
        return arm.key.rpartition("/")[0]

    there = {place(arm) for arm in arms}
    missing: dict[str, dict[str, None]] = defaultdict(dict)
    for arm in originals:
        if arm.case in cases and place(arm) not in there:
            variant = "" if arm.variant == MAIN else f" {arm.variant}"
            where = f"{arm.case}, {arm.protocol}{variant}"
            missing[where].setdefault(f"{arm.attack_name} on {arm.defense}, {arm.view}")
    for where, names in missing.items():
        few = "; ".join(names) if len(names) <= 4 else f"{len(names)} arms, such as {[*names][0]}"
        yield f"{where}: left out {few}"


def _changed_attacks(pairs: list[tuple[Arm, Arm]]) -> Iterator[str]:
    sentences: dict[str, None] = {}
    for arm, original in pairs:
        here, published = _attack_settings(arm), _attack_settings(original)
        name = f"{arm.attack.kind} patches" if isinstance(arm, PatchArm) else arm.attack_name
        for setting in sorted(here.keys() & published.keys() - {"batch_size"}):
            change = Change(setting.replace("_", " "), here[setting], published[setting])
            if change.here != change.published:
                sentences[f"{arm.protocol} {name}: {change}"] = None
    return iter(sentences)


def _attack_settings(arm: Arm) -> dict[str, Any]:
    if not isinstance(arm, PatchArm):
        attack: Any = arm.attack  # a dataclass, as all attacks are
        return asdict(attack)
    plan = arm.attack
    settings = {"images to evaluate on": plan.evaluated_on}
    if plan.kind == "trained":
        settings |= {"images to fit on": plan.fitted_on, **asdict(plan.method)}
    return settings
