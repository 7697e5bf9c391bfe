"""What readers of the studies should know, from what measuring each item of the audit showed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.site.study_page import AuditItem, StudyPage

#: By topic, the items of the audit that are about it.
TOPICS: Mapping[str, Sequence[str]] = {
    "The unit of epsilon": ("NTU-A1", "PRX-A2"),
    "PGD that stands still": ("NTU-A2",),
    "A distillation term that vanishes": ("NTU-A11",),
    "CW tables that repeat FGSM's": ("PRX-A3",),
    "Gradients that are hidden": ("ICB-A3",),
    "Effects inside the noise": ("NTU-A7",),
    "A blur, and noise, that only hide": ("WPI-A10", "WPI-A9"),
}


@dataclass(frozen=True)
class Lesson:
    """A topic, with the items of the audit on it that something was measured of."""

    topic: str
    items: Sequence[AuditItem]


def lessons(pages: Sequence[StudyPage]) -> list[Lesson]:
    """Those of `TOPICS` of which the results say something."""
    items = {item.id: item for page in pages for item in page.audit if item.measured}
    found = {topic: [items[id] for id in ids if id in items] for topic, ids in TOPICS.items()}
    return [Lesson(topic, own) for topic, own in found.items() if own]
