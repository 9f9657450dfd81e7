"""Report of a contest of `test_pareto.py`: its networks, sentences that compare them, and the plot."""

from dataclasses import dataclass

import numpy as np
from benchmark.fronts import (
    cheapest_as_accurate,
    domination,
    front,
    over_seeds,
    ratios,
    redrawn,
    within_ratio,
)

OURS = "trigger_lut"
SHOWN_BELOW = 2.5  # points of accuracy that the plot shows below the least accurate of ours


@dataclass(frozen=True)
class Leg:
    """One contest: networks by contender, and (contender, budget or epochs, seed, CPU seconds) of each training."""

    title: str
    held: dict
    trainings: list

    @property
    def mine(self):
        return self.held[OURS]

    @property
    def theirs(self):
        return [p for name, points in self.held.items() if name != OURS for p in points]

    def by_layers(self):
        """Networks of ours, and of HGQ2's trainings of the same layers together."""
        points_by_layers = {OURS: self.mine}
        for kind in (k for k in self.held if k != OURS):
            points_by_layers.setdefault(f"HGQ2 0.2.0 {kind.split('-')[0]}", []).extend(self.held[kind])
        return {name: points for name, points in points_by_layers.items() if points}


def tell(leg, ratio, say):
    """All networks, and what their comparison gives; `ratio`: of LUTs at equal accuracy, at most."""
    say(f"\n== {leg.title}")
    for name, points in leg.held.items():
        done = [t for t in leg.trainings if t[0] == name]
        cpu = np.mean([t[3] for t in done])
        sizes = "" if name == OURS else f" of {'/'.join(sorted({str(t[1]) for t in done}, key=int))} epochs"
        say(f"\n{name}: {len(done)} trainings{sizes}, {cpu:.0f} s of CPU time each")
        for p in sorted(points, key=lambda p: p["luts"]):
            ebops = f"{p['ebops']:.0f} EBOPs" if p["ebops"] is not None else ""
            say(
                f"  seed {p['seed']} {p['luts']:6} LUT {p['cycles']:3} cycles  validation "
                f"{100 * p['score_validation']:.2f} %  test {100 * p['accuracy']:.2f} %  "
                f"{p['differences']} differences {ebops}"
            )
    say("\nours, mean over seeds:")
    for luts, accuracy, error, n in over_seeds(leg.mine, lambda p: p["name"]):
        spread = f" +- {100 * error:.2f}" if n > 1 else ""
        say(f"  {luts:6.0f} LUT  {100 * accuracy:.2f}{spread} %  ({n})")
    say("\nHGQ2's front (best of all its trainings), and our cheapest network at least as accurate:")
    for luts, accuracy, least in cheapest_as_accurate(leg.mine, leg.theirs):
        answer = "none" if least is None else f"{least} LUT, {least / luts:.2f}"
        say(f"  {luts:6.0f} LUT  {100 * accuracy:.2f} %: {answer}")
    say(f"\nour most accurate network with at most {ratio} of the LUTs, less HGQ2's, on the same events:")
    for luts, accuracy, least, apart, error in within_ratio(leg.mine, leg.theirs, ratio):
        say(f"  {luts:6.0f} LUT  {100 * accuracy:.2f} %: {least} LUT, {100 * apart:+.2f} +- {100 * error:.2f} points")
    median, largest = domination(leg.mine, leg.theirs)
    again = redrawn(leg.mine, leg.theirs)
    low, high = np.percentile(again[:, 0], [16, 84], method="nearest")
    say(
        f"\nratio of LUTs over that front: median {median:.2f} ({low:.2f} to {high:.2f} in 68 % of redrawn test "
        f"splits, at most {ratio} in {100 * np.mean(again[:, 0] <= ratio):.0f} %), largest {largest:.2f}"
    )
    interpolated = [m / t for _, m, t in ratios(leg.mine, leg.theirs)]
    if interpolated:
        say(f"fronts interpolated: ratio {min(interpolated):.2f} to {max(interpolated):.2f}")


def draw(legs, events, path):
    from trigger_lut.report.plots.style import COLORS, canvas, save, styled

    lowest = min(p["accuracy"] for leg in legs for p in leg.mine)
    with styled():
        figure, axes = canvas(5.2 * len(legs), 4.6, columns=len(legs))
        for ax, leg in zip(axes, legs, strict=True):
            for n, (name, points) in enumerate(leg.by_layers().items()):
                look = {"color": COLORS[n], "marker": "osD"[n % 3]}
                ax.plot([p["luts"] for p in points], [100 * p["accuracy"] for p in points], ls="", alpha=0.3, **look)
                luts, accuracies = front(points)
                errors = [100 * (a * (1 - a) / events) ** 0.5 for a in accuracies]
                ax.errorbar(luts, 100 * accuracies, errors, ls="-", capsize=2, label=name, **look)
            ax.set_xscale("log")
            ax.set_xticks([100, 200, 400, 800, 1600, 3200], labels=["100", "200", "400", "800", "1600", "3200"])
            ax.set_xticks([], minor=True)
            ax.set_xlim(130, 3600)
            ax.set_ylim(100 * lowest - SHOWN_BELOW, 100 * max(p["accuracy"] for leg in legs for p in leg.mine) + 1)
            ax.set_xlabel("LUT (Yosys, xcup)")
            seeds = len({p["seed"] for p in leg.mine})
            ax.set_title(f"{leg.title}, {seeds} seed{'s' * (seeds > 1)}", loc="left")
            ax.legend(loc="lower right")
        axes[0].set_ylabel(f"accuracy on {events:,} events [%]")
        save(figure, path)
