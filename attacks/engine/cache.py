"""What is compiled for each model, as long as the model lives and stays as it was."""

import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from attacks.engine.description import Description
from attacks.engine.traits import Traits
from attacks.folded import Folded
from attacks.readings import as_reading


@dataclass
class Compiled:
    """What is compiled for one model, by the shape of its images.

    Attributes:
        description: of the model as it was traced.
        batch_size: of a callable that was seen to take batches of one size only.
        traits: of the graph of its logits, by how its outputs are read.
        folded: the model folded, if it was asked for.
    """

    functions: "OrderedDict[tuple, dict]" = field(default_factory=OrderedDict)
    description: Description = field(default_factory=lambda: Description([], False))
    batch_size: int | None = None
    traits: dict[str, Traits] = field(default_factory=dict)
    folded: Folded | None = None

    def keep_if_same(self, description: Description) -> bool:
        """Drops everything unless it was made from this description; says whether it was."""
        if self.description.parts == description.parts:
            return True
        self.clear()
        self.description, self.batch_size = description, None
        return False

    def clear(self) -> None:
        self.functions.clear()
        self.traits.clear()
        self.folded = None

    def functions_for(self, image_shape: tuple[int, ...]) -> dict:
        """The functions for images of this shape; those for the last few shapes are kept."""
        functions = self.functions.setdefault(image_shape, {})
        self.functions.move_to_end(image_shape)
        if len(self.functions) > MOST_SHAPES:
            self.functions.popitem(last=False)
        return functions


#: The shapes of images that functions of one model are kept for.
MOST_SHAPES = 8
#: Compiled functions, which live as long as the model they belong to.
BY_MODEL: "weakref.WeakKeyDictionary[object, Compiled]" = weakref.WeakKeyDictionary()


def compiled_for(model: Callable) -> tuple[Compiled, Callable]:
    """What is compiled for `model`, and what gives the model while it lives."""
    try:
        # A strong reference from the cache's value to its key would keep the model alive.
        return BY_MODEL.setdefault(model, Compiled()), weakref.ref(model)
    except TypeError:  # neither weakly referenced nor hashed: compiled for this request only
        return Compiled(), lambda: model


def forget(model: Callable) -> None:
    """Drops what attacks have compiled for `model`, so that the next one sees it as it is now.

    It is rarely needed: layers, their attributes and the outputs of code that is not Keras' own are
    compared at every call. That comparison misses a change inside a large array, and a change of
    what code of your own reads, if the outputs for the first images stay as they were.
    """
    BY_MODEL.pop(as_reading(model).model, None)
