"""What is measured, and how commands are run: shared by all systems."""

import os
import pwd
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

FUNDS = 1_000_000_000
"""What each wallet begins with, in minor units."""


class Failed(Exception):
    """A system could not be measured."""


@dataclass(frozen=True)
class Workload:
    """Transfers of one minor unit between wallets drawn uniformly."""

    wallets: int = 10_000
    batch: int = 1
    """How many transfers are acknowledged together."""
    rate: int | None = None
    """Transfers a second that are offered (open loop); none: as fast as they are answered."""
    clients: int | None = None
    """How many ask at once; none: as many as suits the system."""


@dataclass(frozen=True)
class Outcome:
    """What a system made of a workload. Latencies are those of a call, in milliseconds."""

    clients: int
    transfers_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    command: str


class System:
    """A system to measure. Entered, it has what it needs; left, it has stopped what it started."""

    name: str
    batches: list[int] = [1]
    """The sizes of batches it can be measured with."""
    table: list[int] = [1]
    """Those in the table of all systems."""
    notes: dict[int, str] = {}
    """What a batch of a size is called, where it is more than that."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def missing(self) -> str | None:
        """What is missing to measure it, and how to get it."""
        return None

    def versions(self) -> dict[str, str]:
        return {}

    def form(self, batch: int) -> str:
        return self.notes.get(batch) or ("one at a time" if batch == 1 else f"batches of {batch:,}")

    def loads(self, wallets: int, most: float, steps: list[int]) -> list[Workload]:
        """Workloads of single transfers, from light to heavy: rates in per cent of the most that it did."""
        return [Workload(wallets, rate=max(1, int(most * step / 100))) for step in steps]

    def measure(self, workload: Workload, seconds: float) -> Outcome:
        raise NotImplementedError


class ClosedLoop(System):
    """A system without an open loop: its load grows with the number of those who ask."""

    def loads(self, wallets, most, steps):
        return [Workload(wallets, clients=max(1, 64 * step // 100)) for step in steps]


def run(command: list, user: str | None = None, stdin: str | None = None, seconds: float = 600) -> str:
    """What a command prints; its errors if it fails or takes longer."""
    if user and os.geteuid() == 0:
        command = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups", *command]
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def first_line(command: list) -> str:
    return run(command, seconds=20).strip().splitlines()[0]


def calibrated(measure, first: int, seconds: float, most: int):
    """Calls `measure(count)` with a count that takes about so long; the first call finds the pace and is forgotten."""
    pace = measure(first).transfers_per_second
    return measure(max(first, min(most, int(pace * seconds))))


def percentile(ascending: list, percent: int):
    return ascending[max(0, -(-len(ascending) * percent // 100) - 1)] if ascending else None


def disk_syncs(folder: Path, seconds: float = 0.3) -> float:
    """How often a second 4 KiB can be written and synced with `fdatasync`."""
    path = folder / "syncs"
    with open(path, "wb", buffering=0) as file:
        file.write(bytes(4096))
        os.fsync(file.fileno())
        count, begun = 0, time.monotonic()
        while time.monotonic() - begun < seconds:
            file.seek(0)
            file.write(bytes([count % 256]) * 4096)
            os.fdatasync(file.fileno())
            count += 1
        pace = count / (time.monotonic() - begun)
    path.unlink()
    return pace
