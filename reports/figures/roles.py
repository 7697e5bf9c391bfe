"""One colour, marker and line style for one role, the same in every figure.

All colours are read on white and on nearly black, and differ under deuteranopia; within a table
every marker is another one, which is what tells roles apart in grey. Blue is no attack and no
architecture, and no crosses are among the markers: those are published numbers.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Look(NamedTuple):
    """How a role is drawn.

    Attributes:
        color, marker, style: as Matplotlib names them.
        called: the role in words, where a study has none of its own.
    """

    color: str
    marker: str
    called: str
    style: str = "-"

    @property
    def marked(self) -> dict[str, Any]:
        """Colour and markers, as arguments of Matplotlib; a star has little area for its size."""
        size = 7.5 if self.marker == "*" else 4.5
        return {"color": self.color, "marker": self.marker, "markersize": size}


#: By role of a network. Of the four on static sets, those from new weights are dashed.
NETWORKS: Mapping[str, Look] = {
    "undefended": Look("#0974e3", "o", "undefended"),
    "teacher": Look("#41a674", "^", "teacher at T"),
    "student": Look("#ed6f0b", "s", "student: soft labels at T"),
    "control": Look("#966800", "D", "control: hard labels at T"),
    "warm_up": Look("#755e66", "v", "warm-up"),
    "adversarial": Look("#8848b7", "*", "adversarially trained"),
    "noisy_updates": Look("#606a33", "p", "noisy updates"),
    "fgsm_retrained": Look("#d370aa", "P", "static FGSM set, warm start"),
    "fgsm_untrained": Look("#d77659", "h", "static FGSM set, from scratch", "--"),
    "pgd_retrained": Look("#007085", "<", "static PGD set, warm start"),
    "pgd_untrained": Look("#8192cc", ">", "static PGD set, from scratch", "--"),
}
#: By attack.
ATTACKS: Mapping[str, Look] = {
    "none": Look("#b88b50", "o", "no attack"),
    "FGSM": Look("#c96f0a", "^", "FGSM"),
    "IFGSM": Look("#6d6d00", "v", "IFGSM"),
    "PGD": Look("#a9358a", "s", "PGD"),
    "APGD-CE": Look("#cf6de4", "<", "APGD, cross-entropy"),
    "APGD-margin": Look("#7855a7", ">", "APGD, margin"),
    "AutoAttack": Look("#945261", "*", "AutoAttack"),
    "DeepFool": Look("#549e96", "D", "DeepFool"),
    "CW": Look("#f55e8d", "P", "CW"),
    "Iterative pixel swap": Look("#548a4f", "p", "iterative pixel swap"),
    "worst": Look("#8081ff", "h", "worst of all attacks", "--"),
}
#: By architecture, where several are compared.
ARCHITECTURES: Mapping[str, Look] = {
    "resnext50_32x4d": Look("#eb702d", "o", "ResNeXt-50"),
    "densenet201": Look("#8971ed", "s", "DenseNet-201"),
    "vgg19": Look("#895b00", "^", "VGG-19"),
    "mobilenet": Look("#bc2656", "D", "MobileNet"),
    "mobilenet_v2": Look("#3f6b7b", "v", "MobileNetV2"),
    "resnet101": Look("#c38198", "P", "ResNet-101"),
    "alexnet": Look("#8f9b53", "*", "AlexNet"),
    "regnety_400mf": Look("#ea5ec6", "p", "RegNetY-400MF"),
}
#: Right and wrong predictions, of which the words say the same.
RIGHT, WRONG = "#008272", "#d5493c"
#: What guides the eye and is no role: the limit of an axis, a level to compare with.
GUIDE = "#808080"
