"""Quittance itself, and naive versions of it: programs of the crate `quittance-bench`, which end by themselves."""

import json
import os
from pathlib import Path

from measure import ClosedLoop, Outcome, System, first_line, run

BUILD = "cargo build --release -p quittance-bench --bins"


class Quittance(System):
    name = "Quittance"
    batches = [1, 10, 100, 1_000, 8_190]
    table = [1, 1_000, 8_190]

    def __init__(self, folder: Path, program: Path):
        self.folder = folder
        self.program = program

    def missing(self):
        return None if self.program.exists() else f"{self.program} is not there: {BUILD}, or --quittance-load PATH"

    def versions(self):
        return {self.name: first_line([self.program, "--version"])}

    def measure(self, workload, seconds):
        report = self.folder / "quittance.json"
        options = ["--wallets", workload.wallets, "--seconds", seconds, "--warm-up", min(1, seconds / 4)]
        if workload.batch == 1:
            clients = workload.clients or 1_000
            options += ["--op", "single", "--callers", clients]
        else:
            # As many transfers under way at a time as one at a time has, where that is more than a few batches.
            clients = workload.clients or max(4, 1_000 // workload.batch)
            options += ["--op", "batch", "--batch", workload.batch, "--depth", clients]
        options += ["--rate", workload.rate] if workload.rate else []
        run(["env", f"TMPDIR={self.folder}", self.program, "in-process", *options, "--check", "--json", report])
        load = json.loads(report.read_text())["load"]
        latency = load["latency"]
        command = " ".join(str(word) for word in ["quittance-load in-process", *options, "--check"])
        return Outcome(clients, load["transfers_per_s"], latency["p50_ms"], latency["p99_ms"], command)


class Naive(ClosedLoop):
    """A naive bank on sled: `mutex` or `keys`, see bench/src/naive.rs."""

    def __init__(self, folder: Path, program: Path, way: str):
        self.folder = folder
        self.program = program
        self.way = way
        self.name = {"mutex": "naive: one mutex", "keys": "naive: a key each"}[way]
        if way == "keys":
            self.batches = [1, 10, 100, 1_000, 8_190]
            self.table = [1, 1_000]
            self.notes = {1: "a sync each", 1_000: "a sync for 1,000"}
        else:
            self.notes = {1: "an append and a sync each"}

    def missing(self):
        return None if self.program.exists() else f"{self.program} is not there: {BUILD}"

    def versions(self):
        return {"sled": "0.34.7, with an fdatasync after each flush"}

    def measure(self, workload, seconds):
        # Transactions exclude one another: with large ones, more clients only wait.
        clients = workload.clients or (32 if workload.batch < 1_000 else 4)
        options = [self.way, "--wallets", workload.wallets, "--threads", clients, "--group", workload.batch]
        options += ["--seconds", max(1, round(seconds))]
        done = json.loads(run([self.program, *options, "--folder", self.folder]))
        p50, p99 = (done[name] / 1000 for name in ("p50_micros", "p99_micros"))
        command = " ".join(str(word) for word in ["quittance-naive", *options])
        return Outcome(clients, done["transfers"] / done["seconds"], p50, p99, command)


def built(repository: Path) -> Path:
    """Where cargo puts what it builds in release."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or repository / "target") / "release"
