"""The adversarial images of a report: which are shown, and what is said of those that are not."""

from collections.abc import Sequence

from reports.figures.images import Attacked, adversarial_images
from reports.gallery import Gallery


def show_adversarial(
    attacked: Sequence[Attacked], what: str, gallery: Gallery, section: str, name: str
) -> None:
    """One picture with a row for each network and attack that turned an image.

    Its caption says by which rule the images were chosen, and which attacks turned none of those
    that results keep. Without any that was turned nothing is drawn.

    Args:
        what: the networks and the data, for the title.
        section, name: see `Gallery.add`.
    """
    shown = [each for each in attacked if each.chosen is not None]
    if not shown:
        return
    caption = (
        f"Adversarial images, {what}. {'; '.join(_said(each) for each in shown)}. Of the images "
        "kept of each attack, the one of the median L2 distance among those that were right "
        "before it and wrong after"
    )
    failed = [_said(each) for each in attacked if each.chosen is None]
    if failed:
        caption += f". No image that is kept was turned by: {'; '.join(failed)}"
    adversarial_images(shown, what, gallery.add(section, name, caption))


def _said(attacked: Attacked) -> str:
    """The label of its row, on one line."""
    return " ".join(attacked.label.split())
