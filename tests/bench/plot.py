"""The plot of the page: requests a second of each server, a panel a case."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # before pyplot: there may be no display

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from . import figures
from .cases import CASES, Case
from .contestants import ENTRIES
from .figures import Record

OURS, PEER, FLOOR = "#1f77b4", "#b0b0b0", "#707070"
COLUMNS = 3


def bars(record: Record, case: Case) -> list[tuple[str, float]]:
    """The servers of a case and their rates, the fastest first."""
    found = [(entry, figures.median(record, case.key, entry, "rate")) for entry in ENTRIES]
    return sorted(((entry, rate) for entry, rate in found if rate), key=lambda pair: -pair[1])


def draw(record: Record, file: Path) -> None:
    """Writes the plot as PNG."""
    cases = [case for case in CASES if bars(record, case)]
    lines = -(-len(cases) // COLUMNS)
    figure, axes = plt.subplots(lines, COLUMNS, figsize=(15, 3.1 * lines), squeeze=False, layout="constrained")
    for axis, case in zip(axes.flat, cases, strict=False):
        _panel(axis, record, case)
    for axis in axes.flat[len(cases) :]:
        axis.remove()
    figure.suptitle("requests per second, one core; dashed: raw onnxruntime at its best batch")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=80)
    plt.close(figure)


def _panel(axis: Axes, record: Record, case: Case) -> None:
    pairs = bars(record, case)
    names, rates = [entry for entry, _ in pairs], [rate for _, rate in pairs]
    shades = [OURS if name.startswith("gpux-predictor") else FLOOR if name == "bare ASGI" else PEER for name in names]
    drawn = axis.barh(names, rates, color=shades)
    axis.bar_label(drawn, [f"{rate:,.0f}" for rate in rates], padding=2, fontsize=8)
    axis.invert_yaxis()
    axis.set_title(case.key, fontsize=10)
    axis.tick_params(labelsize=8)
    axis.set_xlim(right=max(rates) * 1.18)
    ceiling = figures.ceiling(record, case.model, mixed=case.mixed)
    if (
        ceiling and case.model != "tiny"
    ):  # a tiny run without a server is a hundred times as fast: it would hide the bars
        axis.axvline(ceiling, color="black", linestyle="--", linewidth=1)
        axis.set_xlim(right=max(*rates, ceiling) * 1.18)
