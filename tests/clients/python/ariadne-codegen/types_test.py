import unittest

from hallpass_client import CreateTaskInput, TaskParts, TaskPartsOwn
from pydantic import ValidationError


def priority(task: TaskParts) -> str:
    # An error of mypy: the task may be another user's.
    return task.own.priority  # type: ignore[union-attr]


def tags(own: TaskPartsOwn) -> list[str]:
    return own.tags


class Types(unittest.TestCase):
    def test_input_without_a_title_is_rejected(self) -> None:
        with self.assertRaises(ValidationError):
            CreateTaskInput()  # type: ignore[call-arg]

    def test_unknown_priority_is_rejected(self) -> None:
        with self.assertRaises(ValidationError):
            CreateTaskInput(title="t", priority="HIGHEST")  # type: ignore[arg-type]
