"""Accuracy at equal LUTs with and without shared hardware, on sets of eight objects: `pytest -m benchmark -s`.

LUTs are those of the surrogate, as no firmware is built. Four trainings of 60 epochs.
"""

import pytest
from helpers.trainings import made_session, object_design, object_events

pytestmark = pytest.mark.benchmark

BUDGETS = (120, 200)
EVENTS = 40_000  # a fifth of them for validation: an error of 0.5 points


def trained(luts, ii, folder):
    """Return accuracy on the validation split, and LUTs."""
    session = made_session(object_design(luts, ii, epochs=60), object_events(EVENTS), folder)
    result = session.run()
    session.model.load_weights(result.weights)
    assert result.meets_budget
    return session.model.accuracy(), result.built.luts


def test_sharing_gains_accuracy_or_luts(tmp_path):
    results = {}
    for luts in BUDGETS:
        for ii in (1, 4):
            results[luts, ii] = accuracy, used = trained(luts, ii, tmp_path / f"{luts}_{ii}")
            print(f"{luts} LUTs, II {ii}: accuracy {100 * accuracy:.1f} %, {used} LUTs by the surrogate")
    small, large = BUDGETS
    for luts in BUDGETS:
        assert results[luts, 4][0] >= results[luts, 1][0]
    assert results[small, 4][0] >= results[large, 1][0], "the same accuracy with fewer LUTs"
    assert results[small, 4][1] < results[large, 1][1]
