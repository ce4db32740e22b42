"""Which workloads are run, and the running of them."""

import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from measure import Failed, System, Workload, disk_syncs


@dataclass(frozen=True)
class Plan:
    seconds: float
    """How long each workload runs."""
    wallets: list[int]
    """How many wallets there are; the table is of the first."""
    batches: list[int]
    loads: list[int]
    """Loads in per cent, from light to heavy."""


FULL = Plan(6, [10_000, 100_000, 1_000_000], [1, 10, 100, 1_000, 8_190], [5, 10, 25, 50, 75, 90])
QUICK = Plan(2, [10_000, 50_000], [1, 100, 8_190], [10, 50, 90])


def run_plan(plan: Plan, systems: list[System], folder: Path) -> list[dict]:
    """Measures all systems, one after the other; what fails is told and left out."""
    points = []
    for system in systems:
        print(f"{system.name}", file=sys.stderr)
        try:
            with system:
                points += _measure(plan, system, folder)
        except Failed as failure:
            print(f"  {system.name} is left out: {failure}", file=sys.stderr)
    return points


def _measure(plan: Plan, system: System, folder: Path) -> list[dict]:
    points = []
    first = plan.wallets[0]
    table = [Workload(first, batch) for batch in system.table]
    by_wallets = [Workload(wallets, batch) for wallets in plan.wallets for batch in system.table]
    by_batch = [Workload(first, batch) for batch in system.batches if batch in plan.batches]
    for workload in dict.fromkeys(table + by_wallets + by_batch):
        points += _point(plan, system, workload, folder, "throughput")
    most = next((point["transfers_per_second"] for point in points if point["batch"] == 1), None)
    for workload in system.loads(first, most, plan.loads) if most else []:
        points += _point(plan, system, workload, folder, "load")
    return points


def _point(plan: Plan, system: System, workload: Workload, folder: Path, kind: str) -> list[dict]:
    # Of a disk that others use too, beside what is measured on it.
    syncs = disk_syncs(folder)
    begun = time.monotonic()
    load = f", {workload.rate:,} a second offered" if workload.rate else ""
    load += f", {workload.clients} clients" if workload.clients else ""
    title = f"  {system.form(workload.batch)}, {workload.wallets:,} wallets{load}"
    try:
        outcome = system.measure(workload, plan.seconds)
    except Failed as failure:
        print(f"{title}: failed: {failure}", file=sys.stderr)
        return []
    took = time.monotonic() - begun
    print(f"{title}: {outcome.transfers_per_second:,.0f} transfers/s (took {took:.0f} s)", file=sys.stderr)
    named = {"kind": kind, "system": system.name, "form": system.form(workload.batch)}
    named["disk_syncs_per_second"] = round(syncs)
    return [named | dataclasses.asdict(workload) | dataclasses.asdict(outcome)]
