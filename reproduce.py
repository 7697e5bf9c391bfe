"""The command line: run a study, report it, attack or export a model.

python reproduce.py list
python reproduce.py run ntu --profile demo
python reproduce.py report ntu --profile demo
python reproduce.py attack model.h5 --data cifar10 --attack pgd --epsilon 8/255
python reproduce.py export ntu --profile demo --network vgg16/cifar10/student --to student.h5
"""

import dataclasses
import math
import os
import sys
import typing
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import typer  # noqa: E402
from rich import box  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.markup import escape  # noqa: E402
from rich.table import Column, Table  # noqa: E402

console = Console(emoji=False)  # ":x:" in a path is no picture
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help=__doc__.splitlines()[0],
    pretty_exceptions_enable=False,
)

#: The names of `attacks.BY_NAME`, which takes seconds to import.
ATTACKS = (
    "fgsm",
    "bim",
    "momentum-iterative",
    "pgd",
    "apgd",
    "square",
    "autoattack",
    "deepfool",
    "carlini-wagner",
    "fab",
    "pixel-swap",
)

StudyArgument = Annotated[str, typer.Argument(help="A study, for example ntu.")]
ProfileOption = Annotated[
    str, typer.Option(help="demo, laptop, paper, or another that `list` shows.")
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(help="Where the data sets are; default: $REPRODUCE_DATA_DIR, else a download."),
]
RunsOption = Annotated[
    Path | None, typer.Option(help="Where finished stages are kept; default: runs/.")
]
WeightsOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A file of ImageNet weights, such as alexnet=alexnet.safetensors; repeatable. "
        "Default: a download by keras.applications."
    ),
]
ResultsOption = Annotated[
    Path | None,
    typer.Option(help="Where results and report go; default: reports/results/STUDY/PROFILE."),
]


def epsilon(text: str) -> float:
    """An epsilon as a number or a fraction: 0.03, 8/255."""
    try:
        return float(Fraction(text.replace(" ", ""))) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f"--epsilon is {text!r}; accepted: a number or a fraction such as 8/255"
        ) from None


@app.command("list")
def list_studies(
    study: Annotated[str | None, typer.Argument(help="List the arms of this study.")] = None,
    profile: ProfileOption = "demo",
) -> None:
    """The studies and their profiles, or the arms of one study."""
    with _errors():
        import studies.run
        from studies import STUDIES

        if study is not None:
            chosen = studies.run.study(study)
            for arm in chosen.arms(chosen.profile(profile)):
                print(arm.key)
            return
        table = Table("study", "profile", "arms", "cost", "what")
        for name, listed in STUDIES.items():
            for profile_name, each in listed.profiles.items():
                arms = str(len(listed.arms(each)))
                table.add_row(*map(escape, (name, profile_name, arms, each.cost, listed.title)))
        console.print(table)


@app.command()
def run(
    study: StudyArgument,
    profile: ProfileOption = "demo",
    data_dir: DataDirOption = None,
    arms: Annotated[
        str, typer.Option(help="Run the arms whose name matches this pattern; see `list STUDY`.")
    ] = "*",
    weights: WeightsOption = None,
    runs: RunsOption = None,
    results: ResultsOption = None,
) -> None:
    """Trains, attacks, measures and reports; what was done before is not done again."""
    with _errors():
        from reports import Bars
        from studies.run import RUNS, run_study

        started = perf_counter()
        try:
            with Bars(console) as bars:
                done = run_study(
                    study,
                    profile,
                    arms=arms,
                    data_dir=data_dir,
                    weights=_weights(weights),
                    runs=runs or RUNS,
                    directory=results,
                    progress=bars,
                )
        except KeyboardInterrupt:
            _say("\nInterrupted. Finished stages are kept; the same command goes on from here.")
            raise typer.Exit(130) from None
        console.print(done.summary)
        _say(f"{perf_counter() - started:.0f} s. Report: {_shown(done.page)}")


@app.command()
def report(
    study: StudyArgument,
    profile: ProfileOption = "demo",
    results: ResultsOption = None,
) -> None:
    """Makes the tables, figures and pages of a finished run again."""
    with _errors():
        import reports
        import studies.run

        chosen = studies.run.study(study)
        target = results or studies.run.results_directory(study, chosen.profile(profile).name)
        if not (target / "run.json").exists():
            raise ValueError(
                f"no results in {target}; first: "
                f"python reproduce.py run {study} --profile {profile}"
            )
        _say(f"Report: {_shown(reports.build_report(chosen, target))}")


@app.command()
def attack(
    model: Annotated[
        Path,
        typer.Argument(
            help="A Keras model (.h5, .hdf5, .keras) of images in [0, 1] (or see --range)."
        ),
    ],
    data: Annotated[
        str,
        typer.Option(help="digits, mnist, cifar10, cifar100, gtsrb, tiny_imagenet or imagenet."),
    ],
    attack: Annotated[str, typer.Option(help=f"One of {', '.join(ATTACKS)}.")] = "pgd",
    epsilon_texts: Annotated[
        list[str] | None,
        typer.Option(
            "--epsilon",
            help="A distance in [0, 1] pixels, such as 8/255; repeatable. Default: 8/255; for "
            "a minimum-norm attack any distance.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="An option of the attack, such as loss=dlr; repeatable."),
    ] = None,
    norm: Annotated[str | None, typer.Option(help="linf, l2 or l1.")] = None,
    steps: Annotated[int | None, typer.Option(help="Of an iterative attack.")] = None,
    step_size: Annotated[str | None, typer.Option(help="Of an iterative attack.")] = None,
    restarts: Annotated[int | None, typer.Option(help="From different random starts.")] = None,
    target: Annotated[
        int | None, typer.Option(help="Aim at this class; its own images are left out.")
    ] = None,
    images: Annotated[int, typer.Option(help="Test images that are attacked.")] = 200,
    temperature: Annotated[float | None, typer.Option(help="The logits are divided by it.")] = None,
    softmax: Annotated[
        str,
        typer.Option(
            help="For a model that ends in softmax, sigmoid or the like: refuse it, remove what "
            "it ends in, or keep it and treat the outputs as logits."
        ),
    ] = "refuse",
    pixel_range: Annotated[
        str,
        typer.Option(
            "--range", help="What the model takes: 0-1, or 0-255 for one that rescales by itself."
        ),
    ] = "0-1",
    predicted_labels: Annotated[
        bool, typer.Option(help="Move away from the model's predictions, not the true labels.")
    ] = False,
    clip: Annotated[
        bool | None, typer.Option("--clip/--no-clip", help="Keep adversarial images in [0, 1].")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of random draws.")] = None,
    batch_size: int = 128,
    jit_compile: Annotated[bool, typer.Option("--jit-compile", help="Compile with XLA.")] = False,
    data_dir: DataDirOption = None,
    images_per_class: Annotated[
        int | None, typer.Option(help="Of imagenet, which is sorted by class; default: 5.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Write the outcome of every image to this .npz file.")
    ] = None,
) -> None:
    """Attacks a model of yours on a test set and prints its robust accuracy."""
    with _errors():
        import numpy as np

        import attacks
        import data as data_sets
        import defenses  # noqa: F401  (its layers, so that checkpoints that hold them load)
        import models
        from evaluation import evaluate
        from reports import Bars

        if images < 1:
            raise ValueError(f"--images is {images}; accepted: 1 or more")
        if save is not None and save.exists():
            raise ValueError(f"--save {save} exists; accepted: a new file")
        named = {
            "norm": norm,
            "steps": steps,
            "step_size": step_size,
            "restarts": restarts,
            "temperature": temperature,
            "clip": clip,
            "seed": seed,
            "batch_size": batch_size,
        }
        chosen = _attack(attack, {k: v for k, v in named.items() if v is not None}, option or [])
        minimum_norm = isinstance(chosen, attacks.MinimumNormAttack)
        if epsilon_texts:
            epsilons = [epsilon(text) for text in epsilon_texts]
        else:
            epsilons = [math.inf if minimum_norm else 8 / 255]
        network = _with_range(models.load_checkpoint(model), pixel_range)
        dataset = data_sets.load(data, data_dir=data_dir, images_per_class=images_per_class)
        x, y = dataset.x_test[:images], dataset.y_test[:images]
        network, notes = _fitted(network, dataset)
        classes = max(2, network.output_shape[-1])
        network = _read(network, softmax, x)
        if target is not None:
            x, y = x[y != target], y[y != target]
        if not len(x):
            raise ValueError(f"--target is {target}, the class of all --images; accepted: more")
        with Bars(console) as bars, bars.stage(f"{attack} on {model.name}") as update:
            with warnings.catch_warnings():
                # Said below, with the share of images that it concerns.
                warnings.filterwarnings("ignore", "model is random at inference", RuntimeWarning)
                outcomes = evaluate(
                    network,
                    x,
                    y,
                    chosen,
                    epsilons,
                    predicted_labels=predicted_labels,
                    targets=None if target is None else np.full(len(y), target),
                    progress=lambda done, count: update(done / count, f"{done} of {count} images"),
                    jit_compile=jit_compile,
                )
        clean, *attacked = outcomes.table().to_dict("records")
        console.print(_attack_table(clean, attacked, chosen, targeted=target is not None))
        for sentence in (*notes, *dataset.notes, *_findings(clean, attacked, chosen)):
            _say(sentence)
        if pixel_range == "0-1" and clean["ci_low"] <= 1 / classes:
            _say(
                "The clean accuracy cannot be told from guessing. If the model takes grey levels, "
                "say --range 0-255."
            )
        if save is not None:
            outcomes.save(save)
            _say(f"Outcomes of {len(outcomes.labels)} images: {_shown(save)}")


@app.command()
def export(
    study: StudyArgument,
    network: Annotated[str, typer.Option(help="case/role, for example vgg16/cifar10/student.")],
    to: Annotated[Path, typer.Option(help="The file to write, .h5 or .keras.")],
    profile: ProfileOption = "demo",
    procedure: Annotated[
        str | None,
        typer.Option(
            help="as_listed, corrected, soft_labels or papernot; default: the study's own."
        ),
    ] = None,
    protocol: Annotated[str, typer.Option(help="Of an undefended network.")] = "faithful",
    overwrite: bool = False,
    data_dir: DataDirOption = None,
    weights: WeightsOption = None,
    runs: RunsOption = None,
) -> None:
    """Writes a trained network (it gives logits) as a checkpoint for plain Keras."""
    with _errors():
        import models
        import studies.run
        from harness.plan import plan
        from harness.runner import Runner
        from harness.store import Store

        chosen = studies.run.study(study)
        todo = plan(chosen, chosen.profile(profile))
        case, _, role = network.rpartition("/")
        wanted = (
            "none" if role == "undefended" else procedure or chosen.compared["faithful"].procedure
        )
        matching = {
            arm.training: None
            for arm in todo.arms
            if str(arm.case) == case
            and arm.variant == "main"
            and arm.training.role == role
            and (arm.training.method or "none") == wanted
            and (role != "undefended" or arm.protocol == protocol)
        }
        if not matching:
            known = sorted({f"{a.case}/{a.training.role}" for a in todo.arms})
            raise ValueError(
                f"--network {network!r} with --procedure {wanted!r} is not in profile "
                f"{profile}; networks there: {', '.join(known)}"
            )
        training = next(iter(matching))
        runner = Runner(Store(runs or studies.run.RUNS), data_dir, _weights(weights))
        stage = runner.training_path(training)
        if not stage.is_dir():
            raise ValueError(
                f"{network} has not been trained; first: python reproduce.py run {study} "
                f"--profile {profile}"
            )
        to = models.save(models.load_checkpoint(stage / "model.h5"), to, overwrite=overwrite)
        _say(f"{training.title}: {to}")


def _weights(given: list[str] | None) -> dict[str, Path]:
    """Files of weights by model, from texts such as "alexnet=FILE"."""
    import models

    files = {}
    for text in given or []:
        model, equals, path = text.partition("=")
        if not equals or model not in models.NAMES:
            raise ValueError(
                f"--weights is {text!r}; accepted: MODEL=FILE with a model of "
                f"{', '.join(models.NAMES)}"
            )
        files[model] = Path(path).expanduser()
    return files


def _attack(name: str, named: dict, option: list[str]):
    """The attack called `name` with options as `--steps 3` or `--option steps=3` gives them."""
    import attacks

    if name not in attacks.BY_NAME:
        raise ValueError(f"--attack is {name!r}; accepted: {', '.join(attacks.BY_NAME)}")
    make = attacks.BY_NAME[name]
    defaults = {field.name: field.default for field in dataclasses.fields(make)}
    accepted = ", ".join(f"{key}={value}" for key, value in defaults.items())
    for key, value in named.items():
        if key not in defaults:
            raise ValueError(
                f"--{key.replace('_', '-')} is {value} with --attack {name}, which has no such "
                f"option; accepted, with their defaults: {accepted}"
            )
    for text in option:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or key not in defaults:
            raise ValueError(
                f"--option is {text!r}; accepted for {name}, with their defaults: {accepted}"
            )
        if key in named and key != "batch_size":
            raise ValueError(f"--option is {text!r} although {key} is given; accepted: one value")
        named[key] = value
    kinds = typing.get_type_hints(make)
    return make(**{key: _as_kind(key, value, kinds[key]) for key, value in named.items()})


def _as_kind(name: str, value, kind):
    """A text as the type an option has; what is no text as it is."""
    if not isinstance(value, str):
        return value
    kinds = typing.get_args(kind) or (kind,)
    words = {"true": True, "false": False} if bool in kinds else {}
    if type(None) in kinds:
        words["none"] = None
    if value.lower() in words:
        return words[value.lower()]
    if str in kinds:
        return value
    try:
        if int in kinds:
            return int(value)
        if float in kinds:
            return epsilon(value)
    except ValueError:
        pass
    numbers = {int: "a whole number", float: "a number or a fraction such as 2/255"}
    expected = [*words, *(text for number, text in numbers.items() if number in kinds)]
    raise ValueError(f"{name} is {value!r}; accepted: {', '.join(expected)}")


def _with_range(network, pixel_range: str):
    """The network as one that takes floats in [0, 1]."""
    import models
    from models.outputs import check_is_graph

    if pixel_range not in ("0-1", "0-255"):
        raise ValueError(f"--range is {pixel_range!r}; accepted: 0-1, 0-255")
    check_is_graph(network)
    if pixel_range == "0-255":
        return models.with_unit_range(network)
    kind = network.inputs[0].dtype
    if "int" in kind:
        raise ValueError(
            f"--range is 0-1, but the model takes {kind} images; accepted: 0-255 (which gives it "
            "the grey levels as floats, for the sake of gradients)"
        )
    return network


def _fitted(network, dataset) -> tuple:
    """The network as one that takes the images of a data set, with what has to be said of that.

    Raises ValueError if that would change the images, or the labels are not the network's.
    """
    import keras

    notes = []
    takes, has = tuple(network.inputs[0].shape[1:]), tuple(dataset.x_test.shape[1:])
    if not _fits(takes, has):
        if len(has) == len(takes) == 3 and _fits(takes, (has[2], *has[:2])):
            first = keras.layers.Permute((3, 1, 2))
            notes.append(f"The model takes {takes}: the channels of the images are put first.")
        elif None not in takes and math.prod(takes) == math.prod(has) and len(takes) < len(has):
            first = keras.layers.Reshape(takes)
            notes.append(f"The model takes {takes}: the images are reshaped from {has}.")
        else:
            raise ValueError(_SHAPES.format(takes=takes, has=has, fit=_data_sets_of_shape(takes)))
        images = keras.Input(batch_shape=(network.inputs[0].shape[0], *has))
        network = keras.Model(images, network(first(images)), name=network.name)

    outputs = network.output_shape
    if len(outputs) != 2 or not outputs[1]:
        raise ValueError(f"model gives outputs of shape {outputs}; accepted: logits [N, classes]")
    classes = max(2, outputs[1])
    if classes <= dataset.y_test.max():
        gives = "one output, for 2 classes" if outputs[1] == 1 else f"{classes} classes"
        raise ValueError(
            f"model has {gives}, {dataset.name} has {dataset.num_classes}; accepted: a model of "
            f"these {dataset.num_classes} classes, or data with labels below {classes}"
        )
    if outputs[1] > dataset.num_classes:
        notes.append(
            f"The model has {classes} classes, {dataset.name} {dataset.num_classes}: its labels "
            "are taken for the first classes of the model."
        )
    return network, notes


_SHAPES = (
    "model takes {takes}, data has {has}; accepted: data that fits{fit}, or a model that takes "
    "{has}, for example one with keras.layers.Resizing before it"
)


def _fits(takes: tuple[int | None, ...], has: tuple[int, ...]) -> bool:
    sizes = zip(takes, has)
    return len(takes) == len(has) and all(wanted in (None, given) for wanted, given in sizes)


def _data_sets_of_shape(takes: tuple[int | None, ...]) -> str:
    import importlib

    import data

    shapes = {n: importlib.import_module(f"data.{n}").DESCRIPTION.image_shape for n in data.NAMES}
    fit = [name for name, shape in shapes.items() if _fits(takes, shape)]
    return f" (--data {', '.join(fit)})" if fit else ""


def _read(network, choice: str, images):
    """The network as attacks are to see it: what `--softmax` says of squashed outputs."""
    import numpy as np

    import attacks
    import models

    if choice not in ("refuse", "remove", "keep"):
        raise ValueError(f"--softmax is {choice!r}; accepted: refuse, remove, keep")
    few = np.resize(images[:8], [network.inputs[0].shape[0] or 8, *images.shape[1:]])
    outputs = np.asarray(network(few, training=False), np.float32)
    if choice == "keep":
        return attacks.as_logits(network)
    # The tolerance is that of probabilities in float16.
    sum_to_1 = outputs.min() >= 0 and abs(outputs.sum(axis=1) - 1).max() < 1e-3
    kind = models.squashing(network)
    ends = "gives probabilities" if kind is None else f"ends in {kind}"
    if kind is None and not sum_to_1:
        if not _is_refused(network, few):
            if choice == "remove":
                raise ValueError(
                    "--softmax is remove, but the model ends in none; accepted: refuse (the "
                    "default)"
                )
            return network
        kind, ends = "sigmoid", "gives values between 0 and 1, as sigmoids do"
    if choice == "refuse":
        raise ValueError(
            f"the model {ends}; accepted: --softmax remove (attack what the {kind or 'softmax'} is "
            "of), or --softmax keep (take the outputs for logits)"
        )
    try:
        return models.without_softmax(network)
    except ValueError as error:
        if kind == "sigmoid":
            return attacks.as_probabilities(network, independent=True)
        if sum_to_1 and outputs.shape[1] > 1:
            return attacks.as_probabilities(network)
        raise ValueError(
            f"--softmax is remove, but that of this model cannot be: it {ends}; accepted: keep "
            "(take the outputs for logits)"
        ) from error


def _is_refused(network, images) -> bool:
    """Whether attacks take the outputs for squashed by what they are."""
    from attacks import ModelError
    from attacks.engine.classifier import Classifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # randomness is said below the table
        try:
            Classifier(network, images.shape[1:]).check_probe(images, len(images))
        except ModelError:
            return bool((network(images, training=False).numpy() >= 0).all())
    return False


def _attack_table(clean: dict, attacked: list[dict], attack, targeted: bool) -> Table:
    table = Table(
        "epsilon",
        "0-255",
        "accuracy",
        Column("95 % interval", no_wrap=True),
        "rounded to 8 bits",
        *(["target reached"] if targeted else []),
        "fooled",
        "mean L-inf",
        "mean L2",
        title=escape(f"{attack}"),
        caption="fooled: images that were right and that the attack turned; the means are theirs",
        box=box.SIMPLE_HEAD,  # narrow, for 80 columns
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    table.add_row("clean", "", *_accuracy(clean))
    for row in attacked:
        bounded = math.isfinite(row["epsilon"])
        table.add_row(
            f"{row['epsilon']:.5f}" if bounded else "any",
            f"{255 * row['epsilon']:.2f}" if bounded else "",
            *_accuracy(row),
            f"{row['rounded_accuracy']:.1%}",
            *([f"{row['target_rate']:.1%}"] if targeted else []),
            f"{row['fooled']:.0f}",
            *_distances(row),
        )
    return table


def _accuracy(row: dict) -> tuple[str, str]:
    return f"{row['accuracy']:.1%}", f"{100 * row['ci_low']:.1f} to {row['ci_high']:.1%}"


def _distances(row: dict) -> tuple[str, str]:
    if not row["fooled"]:
        return "", ""
    return f"{row['fooled_mean_linf']:.5f}", f"{row['fooled_mean_l2']:.4f}"


def _findings(clean: dict, attacked: list[dict], attack) -> Iterator[str]:
    """What was measured beside the accuracies and speaks against them, one sentence each."""
    import attacks

    first = attacked[0]
    not_finite = max(row["not_finite"] for row in attacked)
    if clean["not_finite"] or not_finite:
        yield (
            f"The logits are not finite on {clean['not_finite']:.1%} of the clean images and "
            f"{not_finite:.1%} of the adversarial ones: these count neither as right nor as fooled."
        )
    if first["spread"] > 0:
        yield (
            f"The network is random at inference: two passes differ by up to {first['spread']:.2g} "
            f"in a logit, and in the prediction for {first['random']:.1%} of the images; the "
            "accuracies are of one draw."
        )
    if first["gradient_not_finite"] > 0:  # NaN where the attack climbs nothing
        yield (
            f"The gradient is not finite on {first['gradient_not_finite']:.1%} of the images. "
            "Infinite slopes were followed as the steepest finite ones; compare --attack square."
        )
    if first["zero_gradient"] > 0:
        yield (
            f"The gradient is exactly zero on {first['zero_gradient']:.1%} of the images: what "
            f"survives there may be masked, not robust. Try {_way_around_zero(attack)}."
        )
    within = any(math.isfinite(row["epsilon"]) for row in attacked)
    if within and isinstance(attack, attacks.MinimumNormAttack):
        yield (
            f"{type(attack).__name__} searches once for the smallest distance of each image: its "
            "accuracy at an epsilon is the share of images whose distance is larger, and an attack "
            "made for that epsilon may break more."
        )


def _way_around_zero(attack) -> str:
    if attack.climbs != "cross-entropy":  # the other losses do not saturate
        return "--attack square"
    if attack.temperature == 1:
        return "--temperature 100"
    return "--attack apgd --option loss=dlr, or --attack square"


def _say(sentence: str) -> None:
    """Prints a sentence as it is, whatever a path or a note in it holds."""
    console.print(sentence, markup=False, soft_wrap=True)


def _shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _import_tensorflow() -> None:
    """Imports TensorFlow without what its libraries print before any log level applies."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()  # finds out, and says, that there is no GPU
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _errors() -> Iterator[None]:
    """Says what is wrong in one sentence where the user can mend it."""
    _import_tensorflow()
    try:
        yield
    except BrokenPipeError:  # a ConnectionError that is nobody's fault: `... | head`
        raise typer.Exit(0) from None
    except (ValueError, FileNotFoundError, FileExistsError, ConnectionError) as error:
        Console(stderr=True, emoji=False).print(
            f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
