"""Recomputes committed reports: those of a study, of all, or the one in a folder."""

from collections.abc import Iterator
from pathlib import Path

from harness.stored import refusing, run_of
from harness.verify import Verification
from reports.verify import compare_lines, verify_report, verify_verdicts
from studies import STUDIES
from studies.readme import OVERVIEW, README, ROOT, findings, overview, updated
from studies.run import RESULTS, study

_VERIFIED = "verified"


def verify(name: str | None = None, profile: str | None = None) -> Iterator[Verification]:
    """Recomputes the reports under `reports/results/`.

    Args:
        name: of a study; default: all studies, and what the README and the overview say of them.
        profile: default: all that were run.

    Yields:
        One for each report, and one for the verdicts over all reports of a study.

    Raises:
        ValueError: an unknown study, no report, or a damaged one.
    """
    for each in STUDIES if name is None else [study(name).name]:
        folders = [path.parent for path in sorted((RESULTS / each).glob("*/run.json"))]
        folders = [folder for folder in folders if profile in (None, folder.name)]
        if not folders:
            raise ValueError(f"no report in {RESULTS / each / (profile or '')}; {_run_first(each)}")
        for folder in folders:
            with refusing(folder, _VERIFIED):
                done = verify_report(STUDIES[each], folder)
            yield done
        if profile is None:
            with refusing(RESULTS / each, _VERIFIED):
                done = verify_verdicts(STUDIES[each], RESULTS / each)
            yield done
    if name is None:
        yield _verify_readme()


def verify_folder(directory: Path) -> Verification:
    """Recomputes the report in a folder, of whichever study it is.

    Raises:
        ValueError: there is none, or a damaged one.
    """
    if not (directory / "run.json").is_file():
        raise ValueError(f"no report in {directory}; {_run_first('STUDY')}")

    with refusing(directory, _VERIFIED):
        return verify_report(study(run_of(directory / "run.json")["study"]), directory)


def _run_first(name: str) -> str:
    return f"first: python reproduce.py run {name}"


def _verify_readme() -> Verification:
    done, text = Verification(ROOT), README.read_text()
    compare_lines(done, README.name, text, updated(text, findings()))
    compare_lines(done, str(OVERVIEW.relative_to(ROOT)), OVERVIEW.read_text(), overview())
    return done
