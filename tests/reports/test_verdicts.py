"""One line for each claim, which unfolds; verdicts over all folders of a study."""

import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from harness.claims import Claim, Finding, Run, SpeaksOf, Standing, Verdict, judged
from harness.links import Link
from harness.results import Results
from harness.rule import Judgement, Ruling
from harness.study import Takeaways
from made import COMPARED, made_arm, made_results
from reports import build_report, build_verdicts, summary
from reports.verdicts import by_claim, run_in, runs_below, verdicts_of
from studies import STUDIES

CONFIRMED, REFUTED, UNDECIDED = Ruling.CONFIRMED, Ruling.REFUTED, Ruling.UNDECIDED


def verdict(claim: str, outcome: Ruling) -> Verdict:
    return Verdict(claim, f"statement of {claim}", "here", "somewhere", outcome, "numbers")


def test_parts_belong_to_their_claim():
    verdicts = [
        verdict(claim, CONFIRMED)
        for claim in ("X-1a", "X-1a", "X-1b", "X-2", "X-10", "X-10", "X-11a", "X-11b")
    ]
    parts = [[(part.id, len(part.verdicts)) for part in claim] for claim in by_claim(verdicts)]
    assert parts == [
        [("X-1a", 2), ("X-1b", 1)],
        [("X-2", 1)],
        [("X-10", 2)],
        [("X-11a", 1), ("X-11b", 1)],
    ]


@pytest.mark.parametrize(
    "outcomes, line",
    [
        ([CONFIRMED], "confirmed"),
        ([REFUTED] * 3, "refuted"),
        ([UNDECIDED, CONFIRMED, CONFIRMED], "confirmed in 2 places, undecided in 1"),
        ([REFUTED, Ruling.NO_DIFFERENCE], "refuted in 1 place, no difference in 1"),
    ],
)
def test_the_line_of_a_claim_hides_no_verdict(outcomes, line):
    ((part,),) = by_claim([verdict("X-1", outcome) for outcome in outcomes])
    assert part.summed_up == line


CASE = "vgg16/cifar10"


@pytest.fixture
def study(tmp_path):
    """NTU with two claims of its first case, and what was measured of it in three folders."""

    def on_the_clean(results: Results) -> list[Finding]:
        if not results.has(CASE):
            return []
        accuracy = results.curve(case=CASE).accuracies[0]
        ruling = CONFIRMED if accuracy.value > 0.5 else REFUTED
        return [Finding("clean | images", Judgement(ruling), f"accuracy {accuracy.percent()} %")]

    def over_all(every) -> list[Finding]:
        return [Finding("all of them", Judgement(UNDECIDED, 1234.0), f"{len(every)} runs")]

    claims = (
        Claim("X-1", "it holds <always>", on_the_clean, "FGSM", overall=over_all),
        Claim("X-2", "as good as that", on_the_clean, "FGSM", SpeaksOf.LEVEL),
        Claim("X-3", "never seen", lambda results: [], "the arms `X-3 rare`"),
    )
    for folder, profile, right in (("a", "paper", 80), ("b", "laptop", 20), ("demo", "demo", 80)):
        dataset = "digits" if folder == "demo" else "cifar10"
        correct = np.tile(np.arange(100) < right, (2, 1))
        arm = made_arm([0, 0.1], correct, dataset=dataset, published_dataset="cifar10")
        made_results(
            arm, **NETWORKS, run={"profile": profile, "as_published": profile == "paper"} | RUN
        ).save(tmp_path / folder)
    return replace(STUDIES["ntu"], claims=claims, compared=COMPARED), tmp_path


RUN = {"arms": 1, "arms_of_the_profile": 2}
SPENT = {"stage": "train-0", "seconds": 1.0, "epochs": 1, "test_images": 5} | dict.fromkeys(
    ("train_accuracy", "validation_accuracy", "test_accuracy"), 0.5
)
NETWORKS = {"trainings": [{}], "histories": pd.DataFrame({"epoch": [0], "stage": ["train-0"]})}


def test_verdicts_over_all_folders_name_them_and_leave_out_what_stands_in(study):
    chosen, directory = study
    assert [run.folder for run in runs_below(chosen, directory)] == ["a", "b"]
    text = build_verdicts(chosen, directory).read_text()
    rows = pd.read_csv(directory / "verdicts.csv", keep_default_na=False)
    assert rows[["claim", "folder", "outcome"]].to_numpy().tolist() == [
        ["X-1", "a", "confirmed"],
        ["X-1", "b", "refuted"],
        ["X-1", "all", "undecided"],
        ["X-2", "a", "confirmed"],  # a level, of which the reduced run cannot tell
        ["X-3", "", "not run"],
    ]
    lines = re.findall("<summary>(.*)</summary>", text)
    assert lines == [
        "<b>X-1</b> it holds &lt;always&gt;: <b>confirmed in 1 place, refuted in 1, undecided in 1"
        "</b>",
        "<b>X-2</b> as good as that: <b>confirmed</b>",
        "<b>X-3</b> never seen: <b>not run</b>",
    ]
    assert "- `b`, clean | images: **refuted**. Accuracy 20.0 [13.3, 28.9] %." in text
    assert "2 runs; about 1,200 images would decide" in text
    assert "- **not run**. It needs the arms `X-3 rare`." in text
    assert "[`b`](b/report.md): at a reduced size, 1 of 2 arms of the profile `laptop`" in text


def test_a_study_has_its_number_of_claims_each_with_a_judge():
    numbers = {
        name: {int(re.fullmatch(r"[A-Z]+-(\d+)[a-z]?", claim.id)[1]) for claim in study.claims}
        for name, study in STUDIES.items()
    }
    counts = {"ntu": 17, "praxis": 12, "icbai": 6, "wpi": 19, "rit_mnist": 13}
    assert numbers == {name: set(range(1, count + 1)) for name, count in counts.items()}
    for study in STUDIES.values():
        assert len({claim.id for claim in study.claims}) == len(study.claims)
        for claim in study.claims:
            assert callable(claim.judge) and claim.needs


def test_where_nothing_was_run_every_claim_says_what_it_needs():
    for study in STUDIES.values():
        nothing = made_arm([0, 0.1], np.ones([2, 5], bool), case="none/none")
        empty = made_results(nothing, trainings=[{"case": "none/none", **SPENT}])
        empty = replace(empty, compared=study.compared)
        verdicts = judged(study.claims, [Run("here", empty, Standing.PUBLISHED)])
        assert {each.outcome for each in verdicts} == {Ruling.NOT_RUN}
        assert {each.claim for each in verdicts} == {claim.id for claim in study.claims}
        assert all(each.evidence for each in verdicts)


def test_a_network_at_chance_is_flagged_on_the_page_and_never_judged(study, tmp_path):
    chosen, _ = study
    folder, directory = tmp_path / "paper", tmp_path / "guesses"
    folder.mkdir()
    networks = NETWORKS | {"trainings": [SPENT]}
    (folder / "report.md").write_text('{% extends "base.md" %}')
    (folder / "published.csv").write_text((chosen.folder / "published.csv").read_text())

    def said_of(results: Results) -> Takeaways:
        accuracy = results.curve(case=CASE).accuracies[0].percent()
        return Takeaways("A title", pd.DataFrame({"clean": [accuracy]}), [f"{accuracy} % right"])

    chosen = replace(chosen, folder=folder, contents=lambda *given: {}, takeaways=said_of)
    chosen = replace(chosen, link=lambda row: Link("background"))
    spent = {"stage": "attack-0", "seconds": 1.0}
    learned, guessing = (
        made_arm([0, 0.1], np.tile(np.arange(100) < right, (2, 1)), **spent, **network)
        for right, network in ((80, {}), (9, {"ci_low": 0.05, "defense": "x y"}))
    )
    made_results(learned, guessing, **networks, run=PAGE).save(directory)
    text = build_report(chosen, directory).with_name("report.md").read_text()
    assert "x y: right on 9% without attack, no better than guessing" in text
    assert "no claim is judged on it" in text and "| warning | accuracy at chance | 1 |" in text
    rows = pd.read_csv(directory / "verdicts.csv")
    assert rows["evidence"][0].startswith("accuracy 80.0 [")  # of both it would be 0
    assert "1. 80.0 [71.1, 86.7] % right" in text
    shown = Console(width=200, record=True, file=StringIO())
    shown.print(summary(chosen, run_in(chosen, directory).results))
    screen = shown.export_text()
    assert "9.0 !" in screen and "1. 80.0 [" in screen

    made_results(guessing, **networks, run=PAGE).save(directory)
    (alone,) = {each.outcome for each in verdicts_of(chosen, [run_in(chosen, directory)])} - {
        UNDECIDED
    }
    assert alone == Ruling.NOT_RUN


PAGE = {
    "profile": "paper",
    "as_published": True,
    "pattern": "*",
    "machine": "a machine",
    "versions": {},
    "data": [],
    "reductions": [],
    "seeds": 1,
    "arms": 2,
    "arms_of_the_profile": 2,
}
