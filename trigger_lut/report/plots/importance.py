"""Plot of the importance of each bit of each input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigger_lut.cards.importance import FeatureImportance, ImportanceCard, SlotImportance
from trigger_lut.cards.stage_cards import METRICS
from trigger_lut.report.plots.style import BAD_COLOR, COLORS, GRAY, canvas, plain, without_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FEATURES = 48
UNREAD_COLOR = "#e4e6e8"


def by_loss(card: ImportanceCard) -> list[FeatureImportance]:
    """Sort the features, most important first, unread ones last."""
    return sorted(card.features, key=lambda feature: (feature.bits_read == 0, -feature.loss.value))


def bits(card: ImportanceCard) -> Figure:
    """Plot the loss for each shuffled feature (left) and bit (right), for at most MOST_FEATURES."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import PowerNorm
    from matplotlib.patches import Patch, Rectangle

    shown = by_loss(card)[:MOST_FEATURES]
    widest = max(len(feature.bits) for feature in shown)
    most = max((100 * bit.loss.value for feature in shown for bit in feature.bits), default=0.0)
    # The root of the loss, so that small ones can be told from none.
    norm, colors = PowerNorm(0.5, vmin=0, vmax=max(most, 0.1)), colormaps["cividis"]
    height = 0.31 * len(shown) + 1.5
    figure, [left, right] = canvas(5.0 + 0.5 * max(widest, 4), height, columns=2, widths=[2.2, 0.5 * max(widest, 4)])
    rows = range(len(shown))
    left.barh(
        rows,
        [100 * feature.loss.value for feature in shown],
        xerr=[100 * (feature.loss.error or 0.0) for feature in shown],
        height=0.62,
        color=COLORS[0],
        error_kw={"elinewidth": 1.0, "ecolor": "black"},
    )
    measure = METRICS[card.metric]
    left.axvline(0, color="black", linewidth=0.7)
    left.set_xlabel(f"{measure} lost, whole feature\n[percentage points]", fontsize=9)
    for row, feature in enumerate(shown):
        for place, bit in enumerate(feature.bits):
            corner = (place - 0.5, row - 0.5)
            if not bit.read:
                look = {"facecolor": UNREAD_COLOR, "edgecolor": GRAY, "hatch": "////", "linewidth": 0.0}
                right.add_patch(Rectangle(corner, 1, 1, **look))  # type: ignore[arg-type]
                continue
            lost = 100 * bit.loss.value
            depth = float(norm(max(lost, 0.0)))
            right.add_patch(Rectangle(corner, 1, 1, facecolor=colors(depth), edgecolor="white", linewidth=0.5))
            ink = "white" if depth < 0.55 else "black"
            right.text(place, row, short(lost), ha="center", va="center", fontsize=8, color=ink)
    right.set_xlim(-0.5, max(widest, 4) - 0.5)
    right.set_xticks(range(widest), [str(place + 1) for place in range(widest)])
    right.set_xlabel("Bit, 1 is the most significant", fontsize=9)
    for ax in (left, right):
        without_ticks(ax, "y")
        ax.set_yticks(rows, [plain(feature.name) for feature in shown] if ax is left else [])
        ax.set_ylim(len(shown) - 0.5, -0.5)
    without_ticks(right)
    unread = Patch(facecolor=UNREAD_COLOR, edgecolor=GRAY, hatch="////", linewidth=0.0, label="not read")
    right.legend(handles=[unread], loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    label = f"{measure} lost, this bit\n[percentage points]"
    figure.colorbar(ScalarMappable(norm, colors), ax=right, fraction=0.05, pad=0.02, aspect=30).set_label(
        label, fontsize=9
    )
    return figure


def slots(card: ImportanceCard) -> Figure:
    """Plot the loss for each shuffled slot against its number, for each kind of objects."""
    from matplotlib.ticker import MaxNLocator

    kinds: dict[str, list[SlotImportance]] = {}
    for slot in card.slots:
        kinds.setdefault(slot.objects, []).append(slot)
    figure, axes = canvas(7.2, 2.6 * len(kinds) + 0.4, rows=len(kinds))
    for ax, (name, kind_slots) in zip(axes, kinds.items(), strict=True):
        numbers = [slot.slot for slot in kind_slots]
        losses, errors = (
            [100 * (value or 0.0) for value in values]
            for values in zip(*((slot.loss.value, slot.loss.error) for slot in kind_slots), strict=True)
        )
        ax.axhline(0, color=GRAY, linewidth=0.7)
        ax.errorbar(numbers, losses, errors, color=COLORS[0], linewidth=0.8, marker="o", markersize=3, elinewidth=0.8)
        unread = [slot.slot for slot in kind_slots if not slot.bits_read]
        ax.plot(unread, [0.0] * len(unread), "x", color=BAD_COLOR, markersize=5, label="not read")
        if unread:
            ax.legend(loc="upper right")
        ax.set_xlabel(f"{plain(name)}: number of the slot")
        ax.set_ylabel(f"{METRICS[card.metric]} lost\n[percentage points]", fontsize=9)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def short(lost: float) -> str:
    """Format percentage points with one digit after the point, without one from 100 on."""
    text = f"{lost:.1f}" if abs(lost) < 99.95 else f"{lost:.0f}"
    return text.replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")
