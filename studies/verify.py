"""Recomputes committed reports: those of a study, of all, or the one in a folder."""

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import BadZipFile

from harness.study import Study
from harness.verify import Verification
from reports.verify import compare_lines, verify_report, verify_verdicts
from studies import STUDIES
from studies.readme import README, ROOT, findings, updated
from studies.run import RESULTS, study


def verify(name: str | None = None, profile: str | None = None) -> Iterator[Verification]:
    """Recomputes the reports under `reports/results/`.

    Args:
        name: of a study; default: all studies, and what the README says of them.
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
            yield _whole(verify_report, STUDIES[each], folder)
        if profile is None:
            yield _whole(verify_verdicts, STUDIES[each], RESULTS / each)
    if name is None:
        yield _verify_readme()


def verify_folder(directory: Path) -> Verification:
    """Recomputes the report in a folder, of whichever study it is.

    Raises:
        ValueError: there is none, or a damaged one.
    """
    if not (directory / "run.json").is_file():
        raise ValueError(f"no report in {directory}; {_run_first('STUDY')}")

    def of_its_study(directory: Path) -> Verification:
        run = json.loads((directory / "run.json").read_text())
        return verify_report(study(run["study"]), directory)

    return _whole(of_its_study, directory)


def _run_first(name: str) -> str:
    return f"first: python reproduce.py run {name}"


def _whole(verified: Callable[..., Verification], *of: Study | Path) -> Verification:
    """What `verified` gives, or an error that names the folder."""
    try:
        return verified(*of)
    except (OSError, ValueError, LookupError, TypeError, EOFError, BadZipFile, zlib.error) as error:
        reason = f"{type(error).__name__}, {error}"
        raise ValueError(
            f"{of[-1]} cannot be verified: {reason}; accepted: a whole report, as `run` wrote it"
        ) from error


def _verify_readme() -> Verification:
    done, text = Verification(ROOT), README.read_text()
    compare_lines(done, README.name, text, updated(text, findings()))
    return done
