"""Flags for XLA: added to what the user has, never in place of it."""

import os

import pytest

from trigger_lut.training.xla_flags import choose_flags

OURS = "--xla_cpu_use_fusion_emitters=false"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, OURS),
        ("--xla_dump_to=x", f"--xla_dump_to=x {OURS}"),
        ("--xla_cpu_use_fusion_emitters=true", "--xla_cpu_use_fusion_emitters=true"),
    ],
)
def test_flags_of_the_user_stay(before, after, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    if before is not None:
        monkeypatch.setenv("XLA_FLAGS", before)
    for _ in range(2):
        choose_flags()
        assert os.environ["XLA_FLAGS"] == after
