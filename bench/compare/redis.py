"""Redis: a Lua script a transfer, each written to the append-only file and synced before it is answered."""

import csv
import shutil
import subprocess
import time
from pathlib import Path

from measure import FUNDS, ClosedLoop, Failed, Outcome, calibrated, first_line, run

HERE = Path(__file__).parent
SETTINGS = {"appendonly": "yes", "appendfsync": "always", "save": "", "auto-aof-rewrite-percentage": "0", "port": "0"}
OPEN = "for i = ARGV[1], ARGV[2] do redis.call('SET', string.format('w:%012d', i), ARGV[3]) end"
SUM = "local s = 0 for i = ARGV[1], ARGV[2] do s = s + redis.call('GET', string.format('w:%012d', i)) end return s"
CHUNK = 10_000


class Redis(ClosedLoop):
    name = "Redis"
    batches = [1, 10, 64, 100, 1_000, 8_190]
    table = [1, 64]

    def __init__(self, folder: Path):
        self.folder = folder / "redis"
        self.socket = self.folder / "socket"

    def form(self, batch):
        return "one at a time" if batch == 1 else f"pipelines of {batch:,}"

    def missing(self):
        have = all(shutil.which(program) for program in ("redis-server", "redis-cli", "redis-benchmark"))
        return None if have else "apt-get install redis-server"

    def versions(self):
        settings = ", ".join(f"{name} {value}" for name, value in SETTINGS.items() if value)
        return {self.name: f"{first_line(['redis-server', '--version'])}; {settings}"}

    def __enter__(self):
        self.folder.mkdir()
        options = {**SETTINGS, "dir": self.folder, "unixsocket": self.socket, "logfile": self.folder / "log"}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.server = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        for _ in range(100):
            if self.socket.exists():
                return self
            time.sleep(0.1)
        self.__exit__()
        raise Failed(f"redis-server does not start: see {self.folder / 'log'}")

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait(timeout=60)

    def measure(self, workload, seconds):
        clients = workload.clients or (64 if workload.batch < 1_000 else 8)
        self._cli("FLUSHALL")
        for first in range(0, workload.wallets, CHUNK):
            self._cli("EVAL", OPEN, 0, first, min(first + CHUNK, workload.wallets) - 1, FUNDS)
        script = self._cli("SCRIPT", "LOAD", (HERE / "transfer.lua").read_text()).strip()
        # Ids are drawn from 10^12 and more: repeats are as good as none.
        keys = ["t:__rand_int____rand_int____rand_int__", "w:__rand_int__", "w:__rand_int__"]

        def bench(count):
            options = ["-c", clients, "-P", workload.batch, "-r", workload.wallets, "-n", count]
            options += ["--csv", "evalsha", script, 3, *keys, 1]
            text = run(["redis-benchmark", "-s", self.socket, *options])
            figures = list(csv.DictReader(text[text.index('"test"') :].splitlines()))[-1]
            p50, p99 = float(figures["p50_latency_ms"]), float(figures["p99_latency_ms"])
            command = " ".join(str(word) for word in ["redis-benchmark", *options])
            return Outcome(clients, float(figures["rps"]), p50, p99, command)

        before = self._recorded(workload)
        outcome = calibrated(bench, max(2_000, clients * workload.batch), seconds, most=4_000_000)
        self._check(workload, self._recorded(workload) - before, int(outcome.command.split("-n ")[1].split()[0]))
        return outcome

    def _recorded(self, workload):
        return int(self._cli("DBSIZE")) - workload.wallets

    def _check(self, workload, recorded, transfers):
        bounds = [(first, min(first + CHUNK, workload.wallets) - 1) for first in range(0, workload.wallets, CHUNK)]
        total = sum(int(self._cli("EVAL", SUM, 0, first, last)) for first, last in bounds)
        if total != workload.wallets * FUNDS or recorded < 0.99 * transfers:
            raise Failed(f"{total} units and {recorded} records after {transfers} transfers")

    def _cli(self, *words):
        text = run(["redis-cli", "-s", self.socket, *words])
        if text.startswith(("ERR", "NOSCRIPT")):
            raise Failed(text.strip())
        return text
