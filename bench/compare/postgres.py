"""PostgreSQL: a stored function a transfer, or a call with arrays for many, asked by pgbench over a socket."""

import re
import shutil
from pathlib import Path

from measure import FUNDS, Failed, Outcome, System, first_line, percentile, run

HERE = Path(__file__).parent
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "max_connections": "300",
}


def programs() -> Path | None:
    """Where the newest PostgreSQL has its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: float(path.parts[4]))
    return found[-1].parent if found else None


class Postgres(System):
    name = "PostgreSQL"
    batches = [1, 10, 100, 1_000, 8_190]
    table = [1, 1_000, 8_190]

    def __init__(self, folder: Path):
        self.folder = folder / "postgres"
        self.bin = programs()

    def missing(self):
        return None if self.bin and (self.bin / "pgbench").exists() else "apt-get install postgresql"

    def versions(self):
        settings = ", ".join(f"{name} {value}" for name, value in SETTINGS.items() if value)
        return {self.name: f"{first_line([self.bin / 'postgres', '--version'])}; {settings}"}

    def __enter__(self):
        self.folder.mkdir()
        shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", self.folder / "data")
        settings = {**SETTINGS, "unix_socket_directories": self.folder}
        with open(self.folder / "data/postgresql.conf", "a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self._run("pg_ctl", "-D", self.folder / "data", "-l", self.folder / "log", "-w", "start")
        return self

    def __exit__(self, *_):
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "fast", "-w", "stop")

    def measure(self, workload, seconds):
        values = [f"--set=wallets={workload.wallets}", f"--set=funds={FUNDS}"]
        self._psql(*values, "-f", HERE / "postgres.sql")
        # Batches take turns at the wallets: with more clients they wait for one another.
        clients = workload.clients or (32 if workload.batch < 100 else 4)
        script = HERE / ("postgres.single.sql" if workload.batch == 1 else "postgres.batch.sql")
        options = ["-n", "-M", "prepared", "-c", clients, "-j", 2, "-T", max(1, round(seconds)), "-f", script]
        options += ["-D", f"wallets={workload.wallets}", "-D", f"batch={workload.batch}"]
        options += ["-R", workload.rate] if workload.rate else []
        log = ["-l", f"--log-prefix={self.folder / 'pgbench'}"]
        text = self._run("pgbench", "-h", self.folder, *options, *log, "postgres")
        latencies = self._latencies()
        calls = re.search(r"tps = ([\d.]+)", text)
        if not calls or not latencies:
            raise Failed(f"pgbench told nothing: {text[-400:]}")
        self._check(workload, len(latencies) * workload.batch)
        p50, p99 = (percentile(latencies, percent) / 1000 for percent in (50, 99))
        command = " ".join(str(word) for word in ["pgbench", *options]).replace(f"{HERE}/", "")
        return Outcome(clients, float(calls[1]) * workload.batch, p50, p99, command)

    def _latencies(self) -> list[int]:
        """Microseconds of each call, ascending; where a rate is offered, from when it was due."""
        latencies = []
        for path in self.folder.glob("pgbench.*"):
            latencies += [int(line.split()[2]) for line in path.read_text().splitlines()]
            path.unlink()
        return sorted(latencies)

    def _check(self, workload, transfers):
        totals = self._psql("-Atc", "SELECT sum(balance), (SELECT count(*) FROM transfers) FROM wallets").strip()
        total, recorded = (int(value) for value in totals.split("|"))
        if total != workload.wallets * FUNDS or recorded < transfers:
            raise Failed(f"{total} units and {recorded} records after {transfers} transfers")

    def _psql(self, *options):
        return self._run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "postgres", *options)

    def _run(self, program, *options):
        return run([self.bin / program, *options], user="postgres")
