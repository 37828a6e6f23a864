"""Measures every contender on the three models, round after round, and prints one table. Started by run,
which installs what it needs."""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict

import report
from contenders import (
    REPOSITORY,
    WINDOW_MS,
    WINDOWS,
    Contender,
    Millrace,
    Native,
    Unavailable,
    XGBoost,
    differs,
    installed,
)
from models import BATCHES, NAMES, Model, unpack

HERE = pathlib.Path(__file__).resolve().parent
BUILD_SHARE = 0.55  # Of the time there is; what is left suffices to measure.
BUILDERS = {"xgboost": ["xgboost", "xgboost-cpu"], "tl2cgen": ["tl2cgen"], "lleaves": ["lleaves"]}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="at most so many (default 5)")
    parser.add_argument("--minutes", type=float, default=9, help="it ends by then, with fewer rounds (default 9)")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, default=time.time(), help=argparse.SUPPRESS)
    return parser.parse_args()


def build(models: list[Model], deadline: float) -> None:
    """Builds for the compiling engines what is not there from an earlier run, as many at once as there
    are processors, the quick ones first. What is not ready by the deadline is ended."""
    waiting = [
        (engine, model)
        for model in models
        for engine, packages in BUILDERS.items()
        if any(map(installed, packages)) and (engine == "xgboost" or shutil.which("cc"))
        if not (model.directory / engine).exists()
    ]
    running: list[Build] = []
    try:
        while (waiting or running) and time.time() < deadline:
            if waiting and len(running) < (os.cpu_count() or 1):
                running.append(Build(*waiting.pop(0)))
            else:
                time.sleep(0.2)
            for ended in [b for b in running if b.process.poll() is not None]:
                running.remove(ended)
                ended.close()
    finally:
        for unfinished in running:
            unfinished.close()


class Build:
    """build.py at work on one model. Its scratch directory goes with it, whatever its compilers leave there."""

    def __init__(self, engine: str, model: Model) -> None:
        print(f"building {model.name} for {engine}…", file=sys.stderr)
        self.scratch = model.directory / f"{engine}.scratch"
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        command = [sys.executable, "-B", HERE / "build.py", engine, model.text, self.scratch, model.directory / engine]
        environment = {**os.environ, "TMPDIR": str(self.scratch)}
        with open(model.directory / f"{engine}.log", "wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


def measure(contenders: list[Contender], models: list[Model], rounds: int, deadline: float) -> tuple[report.Table, int]:
    """The best samples of all rounds. In each every contender has its turn, so that a busy while meets them all."""
    cells: report.Table = {}
    times: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    done = 0
    while done < rounds and (done == 0 or time.time() < deadline):
        print(f"round {done + 1} of {rounds}…", file=sys.stderr)
        for contender in contenders:
            try:
                for cell, ns in contender.measure(models, deadline):
                    times[cell].append(ns)
            except Unavailable as why:
                for row in contender.rows:
                    cells.update({(row, name, batch): str(why) for name in NAMES for batch in BATCHES})
        done += 1
    for contender in contenders:
        for model in models:
            if reason := contender.reason(model):
                cells.update({(row, model.name, batch): reason for row in contender.rows for batch in BATCHES})
    return cells | {cell: min(ns) for cell, ns in times.items()}, done


def main() -> None:
    args = arguments()
    end = args.started + args.minutes * 60
    models = [unpack(REPOSITORY / "testdata" / "bench" / f"{name}.txt.gz", args.cache) for name in NAMES]
    lightgbm = Native("LightGBM PredictForMat (C)", "lightgbm", "lightgbm", args.cache)
    natives = [
        Native("LightGBM SingleRowFast (C)", "lightgbm-row", "lightgbm", args.cache, (1,)),
        lightgbm,
        Native("lleaves (C)", "lleaves", "lleaves", args.cache),
        Native("tl2cgen, by rows (C)", "tl2cgen", "tl2cgen", args.cache),
    ]
    xgboost = XGBoost()
    contenders: list[Contender] = [Millrace(args.cache), *natives, xgboost]
    for contender in contenders:
        contender.prepare(end)
    build(models, args.started + BUILD_SHARE * (end - args.started))
    cells, rounds = measure(contenders, models, args.rounds, end)
    for contender, tolerance in [(c, 1e-9) for c in natives] + [(xgboost, 1e-3)]:
        for model in models:
            if differs(contender.scores(model), lightgbm.scores(model), tolerance):
                print(f"{contender.rows[0]}: {model.name}: scores differ from LightGBM's", file=sys.stderr)
                cells.update({(contender.rows[0], model.name, batch): "wrong" for batch in BATCHES})
    print(report.text([row for c in contenders for row in c.rows], cells, Millrace.COMPILED))
    method = f"Wall time on one thread, best of {rounds} rounds of {WINDOWS} windows of {WINDOW_MS} ms"
    print(f"\n{method}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors.")


if __name__ == "__main__":
    main()
