"""The example of docs/how-to/extend_metric.md: a metric from arrays to the table."""

import numpy as np
from documentation_pages import ROOT, run_python

NAMES = run_python(ROOT / "docs/how-to/extend_metric.md")


def test_metric_of_the_page_is_the_mean_over_classes():
    labels = np.array([0, 0, 0, 0, 1])
    outputs = np.eye(2)[[0, 0, 0, 1, 1]]
    assert NAMES["balanced_accuracy"](outputs, labels) == (0.75 + 1) / 2


def test_table_of_the_page_has_a_row_for_each_method():
    assert NAMES["table"].header == ["Method", "Balanced accuracy"]
    rows = [[cell.text for cell in row] for row in NAMES["table"].rows]
    assert rows == [["Boosted trees", "83.33 %"], ["Firmware", "50.00 %"]]
