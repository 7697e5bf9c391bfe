"""The command line: run a study, report it, attack or export a model.

python reproduce.py list
python reproduce.py run ntu --profile demo
python reproduce.py report ntu --profile demo
python reproduce.py attack model.h5 --data cifar10 --attack pgd --epsilon 8/255
python reproduce.py export ntu --profile demo --network vgg16/cifar10/student --to student.h5
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import typer  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.markup import escape  # noqa: E402
from rich.table import Table  # noqa: E402

console = Console()
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help=__doc__.splitlines()[0],
    pretty_exceptions_enable=False,
)

StudyArgument = Annotated[str, typer.Argument(help="A study, for example ntu.")]
ProfileOption = Annotated[str, typer.Option(help="demo, laptop or paper.")]
DataDirOption = Annotated[
    Path | None,
    typer.Option(help="Where the data sets are; default: $REPRODUCE_DATA_DIR, else a download."),
]
RunsOption = Annotated[
    Path | None, typer.Option(help="Where finished stages are kept; default: runs/.")
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
        import reports
        from studies import STUDIES

        if study is not None:
            chosen = reports.study(study)
            for arm in chosen.arms(chosen.profile(profile)):
                print(arm.key)
            return
        table = Table("study", "profile", "arms", "cost", "what")
        for name, listed in STUDIES.items():
            for profile_name, each in listed.profiles.items():
                table.add_row(
                    name, profile_name, str(len(listed.arms(each))), each.cost, listed.title
                )
        console.print(table)


@app.command()
def run(
    study: StudyArgument,
    profile: ProfileOption = "demo",
    data_dir: DataDirOption = None,
    arms: Annotated[
        str, typer.Option(help="Run the arms whose name matches this pattern; see `list STUDY`.")
    ] = "*",
    runs: RunsOption = None,
    results: ResultsOption = None,
) -> None:
    """Trains, attacks, measures and reports; what was done before is not done again."""
    with _errors():
        from reports import Bars, run_study, summary
        from reports.run import RUNS

        started = perf_counter()
        try:
            with Bars(console) as bars:
                done = run_study(
                    study,
                    profile,
                    arms=arms,
                    data_dir=data_dir,
                    runs=runs or RUNS,
                    directory=results,
                    progress=bars,
                )
        except KeyboardInterrupt:
            console.print(
                "\nInterrupted. Finished stages are kept; the same command goes on from here."
            )
            raise typer.Exit(130) from None
        console.print(summary(done.results))
        console.print(f"{perf_counter() - started:.0f} s. Report: {_shown(done.page)}")


@app.command()
def report(
    study: StudyArgument,
    profile: ProfileOption = "demo",
    results: ResultsOption = None,
) -> None:
    """Makes the tables, figures and pages of a finished run again."""
    with _errors():
        import reports

        chosen = reports.study(study)
        target = results or reports.results_directory(study, chosen.profile(profile).name)
        if not (target / "run.json").exists():
            raise ValueError(
                f"no results in {target}; first: "
                f"python reproduce.py run {study} --profile {profile}"
            )
        console.print(f"Report: {_shown(reports.build_report(chosen, target))}")


@app.command()
def attack(
    model: Annotated[
        Path, typer.Argument(help="A Keras model, .h5 or .keras, that takes images in [0, 1].")
    ],
    data: Annotated[str, typer.Option(help="digits, mnist, cifar10 or cifar100.")],
    attack: Annotated[str, typer.Option(help="fgsm or pgd.")] = "pgd",
    epsilon_texts: Annotated[
        list[str] | None,
        typer.Option("--epsilon", help="A distance in [0, 1] pixels, such as 8/255; repeatable."),
    ] = None,
    norm: Annotated[str, typer.Option(help="linf, l2 or (fgsm) l1.")] = "linf",
    steps: Annotated[int | None, typer.Option(help="Of PGD; default: 40.")] = None,
    step_size: Annotated[
        str | None, typer.Option(help="Of PGD; default: 2.5 x epsilon / steps.")
    ] = None,
    restarts: Annotated[
        int | None, typer.Option(help="Of PGD, from random starts; default: 1, from the image.")
    ] = None,
    images: Annotated[int, typer.Option(help="Test images that are attacked.")] = 200,
    temperature: Annotated[float, typer.Option(help="The logits are divided by it.")] = 1.0,
    softmax: Annotated[
        str,
        typer.Option(
            help="For a model that ends in softmax: refuse it, remove the softmax, or "
            "keep it and treat probabilities as logits."
        ),
    ] = "refuse",
    own_labels: Annotated[
        bool, typer.Option(help="Move away from the model's predictions, not the true labels.")
    ] = False,
    clip: Annotated[bool, typer.Option(help="Keep adversarial images in [0, 1].")] = True,
    seed: Annotated[int, typer.Option(help="Of random starts.")] = 0,
    batch_size: int = 128,
    data_dir: DataDirOption = None,
    save: Annotated[
        Path | None, typer.Option(help="Write the outcome of every image to this .npz file.")
    ] = None,
) -> None:
    """Attacks a model of yours on a test set and prints its robust accuracy."""
    with _errors():
        import attacks
        import data as data_sets
        import models
        from evaluation import evaluate
        from reports import Bars

        epsilons = [epsilon(text) for text in epsilon_texts or ["8/255"]]
        if attack not in attacks.BY_NAME:
            raise ValueError(f"--attack is {attack!r}; accepted: {', '.join(attacks.BY_NAME)}")
        if images < 1:
            raise ValueError(f"--images is {images}; accepted: 1 or more")
        if save is not None and save.exists():
            raise ValueError(f"--save {save} exists; accepted: a new file")
        common = {"norm": norm, "clip": clip, "temperature": temperature, "batch_size": batch_size}
        if attack == "fgsm":
            for option, value in (
                ("steps", steps),
                ("step-size", step_size),
                ("restarts", restarts),
            ):
                if value is not None:
                    raise ValueError(f"--{option} is {value} with --attack fgsm; accepted: pgd")
            chosen = attacks.FGSM(**common)
        else:
            chosen = attacks.PGD(
                steps=40 if steps is None else steps,
                step_size=None if step_size is None else epsilon(step_size),
                random_start=restarts is not None and restarts > 1,
                restarts=1 if restarts is None else restarts,
                seed=seed,
                **common,
            )
        network = _without_softmax(models.load_checkpoint(model), softmax)
        dataset = data_sets.load(data, data_dir=data_dir)
        with Bars(console) as bars, bars.stage(f"{attack} on {model.name}") as update:
            outcomes = evaluate(
                network,
                dataset.x_test[:images],
                dataset.y_test[:images],
                chosen,
                epsilons,
                own_labels=own_labels,
                progress=lambda done, count: update(done / count, f"{done} of {count} images"),
            )
        table = Table(
            "epsilon",
            "0-255",
            "accuracy",
            "95 % interval",
            "rounded to 8 bits",
            "mean L-inf",
            "mean L2",
            title=f"{chosen}",
        )
        for row in outcomes.table().to_dict("records"):
            attacked = row["epsilon"] > 0
            table.add_row(
                f"{row['epsilon']:.5f}" if attacked else "clean",
                f"{255 * row['epsilon']:.2f}",
                f"{row['accuracy']:.1%}",
                f"{row['ci_low']:.1%} to {row['ci_high']:.1%}",
                f"{row['rounded_accuracy']:.1%}" if attacked else "",
                f"{row['mean_linf']:.5f}" if attacked else "",
                f"{row['mean_l2']:.4f}" if attacked else "",
            )
        console.print(table)
        for note in dataset.notes:
            console.print(note)
        gone = outcomes.zero_gradient.mean()
        if gone:
            console.print(
                f"The gradient is exactly zero on {gone:.0%} of the images: what survives there "
                "may be masked, not robust. Try --temperature 100."
            )
        if save is not None:
            outcomes.save(save)
            console.print(f"Outcomes of {len(outcomes.labels)} images: {save}")


@app.command()
def export(
    study: StudyArgument,
    network: Annotated[str, typer.Option(help="case/role, for example vgg16/cifar10/student.")],
    to: Annotated[Path, typer.Option(help="The file to write, .h5 or .keras.")],
    profile: ProfileOption = "demo",
    procedure: Annotated[
        str, typer.Option(help="none, as_listed, corrected or papernot; none is undefended.")
    ] = "as_listed",
    protocol: Annotated[str, typer.Option(help="Of an undefended network.")] = "faithful",
    overwrite: bool = False,
    data_dir: DataDirOption = None,
    runs: RunsOption = None,
) -> None:
    """Writes a trained network (it gives logits) as a checkpoint for plain Keras."""
    with _errors():
        import models
        import reports
        from reports.run import RUNS
        from studies.runner import Runner, plan
        from studies.store import Store

        chosen = reports.study(study)
        todo = plan(chosen, chosen.profile(profile))
        case, _, role = network.rpartition("/")
        wanted = "none" if role == "undefended" else procedure
        matching = {
            arm.training: None
            for arm in todo.arms
            if arm.case == case
            and arm.variant == "main"
            and arm.training.role == role
            and (arm.training.procedure or "none") == wanted
            and (role != "undefended" or arm.protocol == protocol)
        }
        if not matching:
            known = sorted({f"{a.case}/{a.training.role}" for a in todo.arms})
            raise ValueError(
                f"--network {network!r} with --procedure {wanted!r} is not in profile "
                f"{profile}; networks there: {', '.join(known)}"
            )
        training = next(iter(matching))
        stage = Runner(Store(runs or RUNS), data_dir).training_path(training)
        if not stage.is_dir():
            raise ValueError(
                f"{network} has not been trained; first: python reproduce.py run {study} "
                f"--profile {profile}"
            )
        to = models.save(models.load_checkpoint(stage / "model.h5"), to, overwrite=overwrite)
        console.print(f"{training.title}: {to}")


def _shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    return escape(os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path))


def _without_softmax(model, choice: str):
    import attacks
    import models

    if choice not in ("refuse", "remove", "keep"):
        raise ValueError(f"--softmax is {choice!r}; accepted: refuse, remove, keep")
    if not models.ends_in_softmax(model) or choice == "refuse":
        if models.ends_in_softmax(model):
            raise ValueError(
                "the model ends in softmax; accepted: --softmax remove (attack the logits "
                "before it), or --softmax keep (treat probabilities as logits)"
            )
        return model
    return models.without_softmax(model) if choice == "remove" else attacks.as_logits(model)


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
        Console(stderr=True).print(
            f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
