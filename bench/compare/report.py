"""Writes what was measured: JSON, a table in markdown, and plots where matplotlib is installed."""

import json
from pathlib import Path

import pages

QUITTANCE = "Quittance"


def write(results: dict, folder: Path, page: Path):
    """Writes `results.json` and the plots into the folder, and the page's part that is of the comparison."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.json").write_text(json.dumps(results, indent=1) + "\n")
    plots = _plots(results["points"], folder)
    images = [f"![{title}]({(folder / name).relative_to(page.parent)})" for title, name in plots]
    text = "\n\n".join([_about(results), table(results["points"]), *images, _commands(results["points"])])
    pages.put(page, "compare", text)


def _about(results: dict) -> str:
    machine = results["machine"]
    syncs = sorted(point["disk_syncs_per_second"] for point in results["points"]) or [0]
    lines = [
        "## Beside other systems",
        "",
        f"Made by `bench/compare/run{' --quick' if results['quick'] else ''}` on {results['date']}, commit "
        f"{results['commit']}; the next run replaces it. All systems ran the same transfers, one system after the "
        f"other, on one machine: {machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, "
        f"{machine['kernel']}, {machine['filesystem']}. When the run began the load average was "
        f"{machine['load_average']}; before each measurement the disk took from {syncs[0]:,} to {syncs[-1]:,}, in the "
        f"median {syncs[len(syncs) // 2]:,}, writes of 4 KiB a second, each with its `fdatasync`. Those who ask ran on "
        "the same cores. [How each system is asked](compare/README.md).",
        "",
        "One minor unit moves between two wallets drawn uniformly; the balance is checked, an id that was there before "
        "moves nothing, and the answer comes after an `fdatasync`. Quittance does more than the others for each: it "
        "chains what it writes, keeps an index of each wallet's transfers, and tells subscribers.",
        "",
        *(f"- {name}: {version}" for name, version in results["versions"].items()),
        *(f"- {name} was not measured: {reason}" for name, reason in results["missing"].items()),
    ]
    return "\n".join(lines)


def table(points: list[dict]) -> str:
    """The table of all systems, with the fewest wallets."""
    points = [point for point in points if point["kind"] == "throughput"]
    if not points:
        return "Nothing was measured."
    fewest = min(point["wallets"] for point in points)
    points = [point for point in points if point["wallets"] == fewest]
    ours = [point for point in points if point["system"] == QUITTANCE]
    single = next((point["transfers_per_second"] for point in ours if point["batch"] == 1), None)
    most = max((point["transfers_per_second"] for point in ours), default=None)
    lines = [
        f"With {fewest:,} wallets. The ratios say how many times as fast Quittance is: with transfers one at a time, "
        "and at its best. Latencies are of a call, whatever it carries, at full load.",
        "",
        "| system | transfers | clients | transfers/s | p50 ms | p99 ms | Quittance singly | Quittance at best |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for point in points:
        pace = point["transfers_per_second"]
        ratios = [f"{other / pace:,.2f}" if other else "" for other in (single, most)]
        cells = [point["system"], point["form"], f"{point['clients']:,}", f"{pace:,.0f}"]
        cells += [f"{point[name]:,.2f}" for name in ("p50_ms", "p99_ms")] + ratios
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _commands(points: list[dict]) -> str:
    lines = ["<details><summary>Every measurement, and its command</summary>", ""]
    lines += ["| system | wallets | batch | disk syncs/s | transfers/s | p50 ms | p99 ms | command |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]
    for point in points:
        figures = f"{point['transfers_per_second']:,.0f} | {point['p50_ms']:,.2f} | {point['p99_ms']:,.2f}"
        setting = f"{point['wallets']:,} | {point['batch']:,} | {point['disk_syncs_per_second']:,}"
        lines.append(f"| {point['system']} | {setting} | {figures} | `{point['command']}` |")
    return "\n".join([*lines, "", "</details>"])


def _plots(points: list[dict], folder: Path) -> list[tuple[str, str]]:
    try:
        import plots
    except ImportError:
        return []
    return plots.draw(points, folder)
