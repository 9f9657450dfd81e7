"""Stage `check_simulation`: checks of simulated data against what is known of them."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.stages.registry import Output


def run(*, root: list[Path], card: Output, muons: Path | None = None, crossings: Path | None = None) -> None:
    """Check simulated data: mass peaks of jets, efficiencies and angles of muons, kinds of crossings.

    Parameters
    ----------
    root : list of Path
        Simulated ROOT files.
    muons : Path or None
        Description of the chamber, of simulated muons.
    crossings : Path or None
        Description of simulated crossings.
    """
    if crossings is not None:
        from trigger_lut.simulation.crossings.check import check_crossings

        check_crossings(crossings, root, card=card)
    elif muons is not None:
        from trigger_lut.simulation.muons.files import check_muons

        check_muons(muons, root, card=card)
    else:
        from trigger_lut.simulation.jets.mass_peaks import check_simulation

        check_simulation(root, card)
