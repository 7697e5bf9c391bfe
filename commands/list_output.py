"""What `list` prints: studies with their profiles, or what of a profile has run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from commands import catalogue
from commands.console import print_json, say

if TYPE_CHECKING:
    from harness.forecast import Expected, Forecast


def show_studies(as_json: bool) -> None:
    """Every study with its profiles and what they cost."""
    if as_json:
        print_json(
            [
                {"study": name, "title": listed.title, "profiles": listed.costs}
                for name, listed in catalogue.STUDIES.items()
            ]
        )
        return
    for name, listed in catalogue.STUDIES.items():
        say(f"{name}: {listed.title}")
        for profile, cost in listed.costs.items():
            say(f"  {profile:{_width()}}  {cost}")


def _width() -> int:
    return max(len(profile) for listed in catalogue.STUDIES.values() for profile in listed.costs)


def show_forecast(ahead: "Forecast", study: str, profile: str, as_json: bool) -> None:
    """The networks and arms of a profile: which have run, and the time of each and of the rest."""
    cost = catalogue.STUDIES[study].costs[profile]
    if as_json:
        print_json(
            {
                "study": study,
                "profile": profile,
                "cost": cost,
                "networks": [_described(each) for each in ahead.networks],
                "arms": [_described(each) for each in ahead.arms],
                "seconds_left": ahead.seconds_left,
                "without_estimate": ahead.unknown,
            }
        )
        return
    for heading, every in (("networks", ahead.networks), ("arms", ahead.arms)):
        say(f"{heading} of {study}, profile {profile}")
        for each in every:
            say(f"  {'ran' if each.has_run else 'left':4}  {_time(each):>8}  {each.name}")
    say(_sentence(ahead, cost))


def _described(each: "Expected") -> dict[str, object]:
    """`seconds` are those it took, or is expected to take."""
    return {"name": each.name, "has_run": each.has_run, "seconds": each.seconds}


def _sentence(ahead: "Forecast", cost: str) -> str:
    text = f"{_of(ahead.networks)} networks and {_of(ahead.arms)} arms have run."
    if not ahead.left:
        return text
    if ahead.unknown == len(ahead.left):
        return (
            f"{text} Nothing like the rest has run here; the whole profile takes {cost}. `plan` "
            "counts what it takes."
        )
    text += f" Left: about {duration(ahead.seconds_left)}, judged by stages that ran here"
    if ahead.unknown:
        text += f"; for {ahead.unknown} of {len(ahead.left)} stages there is nothing to go by"
    return f"{text}."


def _of(every: "Sequence[Expected]") -> str:
    return f"{sum(each.has_run for each in every)} of {len(every)}"


def _time(each: "Expected") -> str:
    """What it took; what it may take, with a tilde; a question mark if that is not known."""
    if each.seconds is None:
        return "?"
    return f"{'' if each.has_run else '~'}{duration(each.seconds)}"


def duration(seconds: float) -> str:
    """Seconds in the largest unit that there are two of, such as "12 min"."""
    units = {"days": 86400, "h": 3600, "min": 60, "s": 1}
    unit = next((unit for unit, length in units.items() if seconds >= 2 * length), "s")
    number = seconds / units[unit]
    return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"
