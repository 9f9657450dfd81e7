"""Errors that come from other processes."""

import inspect
import pickle
from pathlib import Path

import pytest

from trigger_lut import errors

CLASSES = [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, errors.TriggerLutError)]


@pytest.mark.parametrize("error_class", CLASSES)
def test_error_keeps_its_message_between_processes(error_class):
    arguments = (Path("a/b"), "no space") if error_class is errors.OutputError else ("a: no space",)
    error = error_class(*arguments)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (error_class, str(error), vars(error))
    assert "no space" in str(copy)
