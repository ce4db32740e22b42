"""The plots, as SVG."""

from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "quittance", "svg.fonttype": "none", "font.size": 9})

from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator  # noqa: E402

STYLES = defaultdict(lambda: "-", {1: "--", 1_000: "-."})


def draw(points: list[dict], folder: Path) -> list[tuple[str, str]]:
    """Draws all plots; gives their titles and files."""
    systems = list(dict.fromkeys(point["system"] for point in points))
    colour = {system: f"C{number}" for number, system in enumerate(systems)}
    throughput = [point for point in points if point["kind"] == "throughput"]
    fewest = min((point["wallets"] for point in throughput), default=0)
    forms = {}
    for point in throughput:
        counts = forms.setdefault((point["system"], point["form"], point["batch"]), {})
        counts[point["wallets"]] = point["transfers_per_second"]
    by_wallets = [
        (f"{system}, {form}", colour[system], STYLES[batch], sorted(counts.items()))
        for (system, form, batch), counts in forms.items()
        if len(counts) > 1
    ]
    by_batch = []
    for system in systems:
        line = sorted(
            (point["batch"], point["transfers_per_second"])
            for point in throughput
            if point["system"] == system and point["wallets"] == fewest
        )
        by_batch.append((system, colour[system], "-", line))
    by_load = []
    for system in systems:
        load = [point for point in points if point["kind"] == "load" and point["system"] == system]
        for name, style in (("p50", "--"), ("p99", "-")):
            line = [(point["rate"] or point["transfers_per_second"], point[f"{name}_ms"]) for point in load]
            by_load.append((f"{system}, {name}", colour[system], style, line))
    pace = "transfers a second"
    made = [
        ("Throughput against the number of wallets", "wallets.svg", "wallets", pace, by_wallets),
        ("Throughput against the size of batches", "batches.svg", "transfers acknowledged together", pace, by_batch),
        ("Latency of single transfers against the load", "latency.svg", f"{pace} offered", "milliseconds", by_load),
    ]
    for title, name, across, up, lines in made:
        _plot(folder / name, title, across, up, [line for line in lines if line[3]])
    return [(title, name) for title, name, *_ in made]


def draw_growth(points: list[dict], what: str, path: Path):
    """Draws a curve for each setting that grows, beside one another."""
    curves = list(dict.fromkeys(point["curve"] for point in points))
    figure, all_axes = pyplot.subplots(-(-len(curves) // 3), 3, figsize=(9, 5), layout="constrained", squeeze=False)
    for axes in all_axes.flat[len(curves) :]:
        axes.set_axis_off()
    for axes, curve in zip(all_axes.flat, curves):
        line = [(point["value"], point[what]) for point in points if point["curve"] == curve]
        axes.plot(*zip(*line), marker="o", markersize=3)
        axes.set(title=curve.split(",")[0], xscale="log", ylim=(0, None))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.grid(True, alpha=0.3)
    figure.supylabel(what)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _plot(path: Path, title: str, across: str, up: str, lines: list):
    figure, axes = pyplot.subplots(figsize=(8.5, 4.5), layout="constrained")
    for label, colour, style, line in lines:
        axes.plot(*zip(*line), label=label, color=colour, linestyle=style, marker="o", markersize=3)
    axes.set(title=title, xlabel=across, ylabel=up, xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_minor_formatter("")
    axes.grid(True, alpha=0.3)
    if lines:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
