"""Published results on public data sets. Only a run on the same data set shows them.

Two public data sets have the name "jet substructure classification", with 16 features and five classes. Accuracies on
one cannot be compared with the other. None: the publication does not state the figure.
"""

from __future__ import annotations

from trigger_lut.cards.scan import PublishedResult

# By the value of `published` in the description of a data set.
TITLES: dict[str, str] = {
    "jsc-openml-42468": "jet substructure, 16 features, OpenML 42468",
    "jsc-cernbox": "jet substructure, 16 features, CERNBox",
}


def _row(
    method: str, accuracy: float, luts: int, ff: int | None, latency_ns: float | None, part: str | None
) -> PublishedResult:
    return PublishedResult(method=method, accuracy=accuracy, luts=luts, ff=ff, latency_ns=latency_ns, part=part)


RESULTS: dict[str, list[PublishedResult]] = {
    "jsc-openml-42468": [
        _row("HGQ-LUT (arXiv 2604.22293)", 0.769, 5667, 2434, 9.2, "xcvu13p"),
        _row("HGQ, arithmetic (arXiv 2604.22293)", 0.769, 10182, 10480, 36.3, "xcvu13p"),
        _row("NeuraLUT-Assemble (arXiv 2504.00592)", 0.760, 1780, 540, 2.1, "xcvu9p"),
        _row("KANELE, ablation (arXiv 2512.12850)", 0.760, 1232, 900, None, "xcvu9p or xczu7ev"),
        _row("TreeLUT (arXiv 2501.01511)", 0.756, 2234, 347, 2.7, "xcvu9p"),
        _row("DWN large, encoder included (arXiv 2512.15251)", 0.763, 7011, 961, 2.1, "xcvu9p"),
        _row("DWN medium, encoder included (arXiv 2512.15251)", 0.756, 1697, 198, 2.6, "xcvu9p"),
    ],
    "jsc-cernbox": [
        _row("HGQ-LUT (arXiv 2604.22293)", 0.754, 6042, None, 10.1, None),
        _row("NeuraLUT-Assemble (arXiv 2504.00592)", 0.750, 8539, None, 5.7, None),
    ],
}
