"""What RIT's page says first, made of the numbers."""

import numpy as np
import pytest
from rit_made import PLACE

from made import made_arm, made_results
from studies.rit_mnist.takeaways import takeaways

EPSILONS = np.array([0.0, 0.1, 0.2, 0.3])
FROM = {"FGSM": "FGSM, from undefended", "PGD": "PGD, from undefended"}


def network(role: str, own: float, transferred: float | None = None) -> list:
    """So large a share of the images is right at every epsilon."""
    made = []
    for attack in ("FGSM", "PGD"):
        for name, share in ((attack, own), (FROM[attack], transferred)):
            if share is not None:
                shares = np.array([0.97, share, share, share])[:, np.newaxis]
                right = np.arange(200) < np.round(200 * shares)
                place = PLACE | {"protocol": "corrected", "role": role, "attack": name}
                made.append(made_arm(EPSILONS, right, arm=f"{role} {name}", **place))
    return made


def measured(static: float, control: float, itself: float, fly: float) -> list:
    return [
        *network("undefended", 0.1),
        *network("fgsm_retrained", itself, static),
        *network("control", 0.1, control),
        *network("on_the_fly", fly, 0.95),
    ]


def test_a_static_set_teaches_its_examples():
    seen = takeaways(made_results(*measured(0.9, 0.4, 0.2, 0.8)))
    assert seen.title.startswith("Accuracy in percent at epsilon 0.2: ")  # the demo's
    assert seen.title.endswith(" images")
    looks, learned, holds = seen.sentences
    assert "keeps 90.0 % right" in looks and "the baseline keeps 10.0 %: it looks robust" in looks
    assert "clean images alone keep 40.0 %: the examples have taught it something" in looks
    assert "20.0 % under FGSM and 20.0 % under PGD-40: it has learned these" in learned
    assert "keeps 80.0 % under all attacks" in holds and "+60.0 [" in holds
    assert holds.endswith("that is robustness.")
    rows = seen.table.set_index("network")
    assert rows.loc["baseline"].tolist() == ["97.0", "", "", "10.0", "10.0", "10.0"]
    assert rows.loc["PGD on the fly", "worst"] == "80.0"


def test_other_numbers_are_said_otherwise():
    looks, learned, holds = takeaways(made_results(*measured(0.1, 0.4, 0.1, 0.1))).sentences
    assert "does not look robust" in looks and "taught it nothing that shows" in looks
    assert "it holds" in learned and holds.endswith("that is no more robust.")


@pytest.mark.parametrize("role", ["undefended", "fgsm_retrained", "control", "on_the_fly"])
def test_nothing_is_said_where_a_network_is_missing(role):
    made = [arm for arm in measured(0.9, 0.4, 0.2, 0.8) if arm[1][0]["role"] != role]
    assert takeaways(made_results(*made)) is None
