"""Searches in a folded network, for attacks that offer them."""

from attacks.engine.task import Task


class Foldable:
    """An attack that searches in the model or, with `fold`, in `attacks.folded(model)`.

    What the search finds is judged by the model itself: the two may differ in the last digits.
    """

    fold: bool = False

    def searched(self, task: Task) -> Task:
        """The task to search in."""
        return task.folded() if self.fold else task
