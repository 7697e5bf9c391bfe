"""What WPI's page says first, made of the numbers."""

from wpi_made import joined, made, of

from harness.arms import TRANSFERRED
from studies.wpi.attacks import CW, DEEPFOOL, EVERY_ATTACK
from studies.wpi.defenses import ADVERSARIAL, NONE, SMOOTHED
from studies.wpi.takeaways import takeaways


def said(blur_from_plain: int, through_blur: int, searches: int, pgd: int):
    """So many of 400 images are right."""
    counts = of(NONE, *[20] * 5, also=True)
    counts |= {(SMOOTHED, name): through_blur for name in EVERY_ATTACK}
    counts |= {(SMOOTHED, TRANSFERRED.format(name)): blur_from_plain for name in EVERY_ATTACK}
    trained = {name: searches if name in (DEEPFOOL, CW) else pgd for name in EVERY_ATTACK}
    counts |= {(ADVERSARIAL, name): count for name, count in trained.items()}
    counts |= {(ADVERSARIAL, TRANSFERRED.format(name)): 300 for name in trained}
    return takeaways(joined(made(counts)))


def test_a_blur_that_the_attacks_are_not_told_of():
    seen = said(200, 0, 120, 4)
    looks, opened, trained = seen.sentences
    assert "leave 5.0 % of its images right, and 50.0 % where" in looks
    assert "the blur looks like a defense" in looks
    assert "Made through the blur they leave 0.0 %: the attacks had not been told" in opened
    assert "keeps 30.0 % under DeepFool and CW" in trained and "1.0 % under PGD" in trained
    assert "it withstands these better than the new one" in trained
    rows = seen.table.set_index("defense")
    assert rows.loc["smoothing"].tolist()[1:] == ["50.0", "0.0", "0.0"]
    assert rows.loc["none"].tolist()[1:] == ["5.0"] * 3


def test_other_numbers_are_said_otherwise():
    looks, opened, trained = said(20, 20, 4, 4).sentences
    assert "looks like no defense" in looks and "the blur is as it looks" in opened
    assert "the new attack breaks it no further" in trained


def test_nothing_is_said_where_an_attack_is_missing():
    assert takeaways(made(of(NONE, *[20] * 5, also=True))) is None
