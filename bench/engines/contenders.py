"""Who is measured, and how each is called. Every sample is ns per row of wall time, on one thread, as the
mean over a short window of calls in a loop, as Go's benchmarks have it; compare.py repeats that in rounds."""

from __future__ import annotations

import array
import importlib.metadata
import pathlib
import re
import shutil
import subprocess
import sys
import time
from typing import Protocol

from models import BATCHES, ROWS, Model

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
WINDOW_MS = 20  # Short, so that on a busy machine some windows pass undisturbed.
WINDOWS = 5  # In a round.

Samples = list[tuple[tuple[str, str, int], float]]  # (row of the table, model, batch) and ns per row.


class Unavailable(Exception):
    """Says in a word or two why a contender has no figures."""


class Contender(Protocol):
    rows: list[str]  # Its rows of the table.

    def prepare(self, deadline: float) -> None:
        """Whatever need not be done in every round."""

    def reason(self, model: Model) -> str | None:
        """Why there are no figures for this model, where that is so."""

    def measure(self, models: list[Model], deadline: float) -> Samples:
        """One round."""


def run(command: list[object], deadline: float, cwd: pathlib.Path | None = None, partial: bool = False) -> str:
    """The command's output, if partial even of one that fails later on. Unavailable where it fails or
    takes longer than there is time."""
    left = max(deadline - time.time(), 1)
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=cwd, timeout=left, capture_output=True, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        raise Unavailable("no time left") from None
    except OSError as why:
        print(f"{words[0]}: {why.strerror}", file=sys.stderr)
        raise Unavailable("failed") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()
        print(f"{pathlib.Path(words[0]).name}: {said[-1]}", file=sys.stderr)
        if not (partial and done.stdout):
            raise Unavailable("failed")
    return done.stdout


def installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class Millrace:
    """BenchmarkPredict of scoring: the compiled engine, and leaves as this module calls it."""

    COMPILED, LEAVES = "Millrace compiled (Go)", "leaves (Go)"
    LINE = re.compile(r"^BenchmarkPredict/engine=(\w+)/model=(\w+)/batch=(\d+)(?:-\d+)?\s.*?([\d.e+]+) ns/row", re.M)

    def __init__(self, cache: pathlib.Path) -> None:
        self.rows = [self.COMPILED, self.LEAVES]
        self.test = cache / "scoring.test"
        self.why: str | None = None

    def prepare(self, deadline: float) -> None:
        try:
            run(["go", "test", "-c", "-o", self.test, "./scoring"], deadline, REPOSITORY)
        except Unavailable as why:
            self.why = str(why)

    def reason(self, _: Model) -> str | None:
        return self.why

    def measure(self, models: list[Model], deadline: float) -> Samples:
        if self.why:
            return []
        windows = [f"-test.benchtime={WINDOW_MS}ms", f"-test.count={WINDOWS}", "-test.cpu=1"]
        command = [self.test, "-test.run=^$", "-test.bench=^BenchmarkPredict$", *windows]
        return self.parse(run(command, deadline, REPOSITORY / "scoring", partial=True))

    def parse(self, output: str) -> Samples:
        engines = {"compiled": self.COMPILED, "leaves": self.LEAVES}
        found = self.LINE.findall(output)
        return [((engines[e], model, int(batch)), float(ns)) for e, model, batch, ns in found if e in engines]


class Native:
    """A contender that native.c calls."""

    def __init__(
        self, row: str, kind: str, package: str, cache: pathlib.Path, batches: tuple[int, ...] = BATCHES
    ) -> None:
        self.rows = [row]
        self.kind, self.package, self.batches = kind, package, batches
        self.program = cache / f"native-{kind}"

    def prepare(self, deadline: float) -> None:
        if installed(self.package) and shutil.which("cc"):
            run(["cc", "-O2", "-o", self.program, HERE / "native.c", "-ldl", "-lm"], deadline)

    def reason(self, model: Model) -> str | None:
        if not installed(self.package):
            return "not installed"
        if not shutil.which("cc"):
            return "no C compiler"
        return None if self.library(model).exists() else "not built"

    def library(self, model: Model) -> pathlib.Path:
        if self.package == "lightgbm":
            file = importlib.metadata.distribution("lightgbm").locate_file("lightgbm/lib/lib_lightgbm.so")
            return pathlib.Path(str(file))
        return model.directory / self.kind

    def scores(self, model: Model) -> pathlib.Path:
        return model.directory / f"{self.kind}.scores"

    def measure(self, models: list[Model], deadline: float) -> Samples:
        samples: Samples = []
        for model in models:
            if self.reason(model):
                continue
            command = [self.program, self.kind, self.library(model), model.text, model.rows, ROWS, model.features]
            command += [self.scores(model), WINDOW_MS, WINDOWS, *self.batches]
            for line in run(command, deadline).splitlines():
                batch, ns = line.split()
                samples.append(((self.rows[0], model.name, int(batch)), float(ns)))
        return samples


class XGBoost:
    """Booster.inplace_predict called from Python, over the same trees in XGBoost's format. It has no other
    way to be called for one row, so the cost of the call counts."""

    def __init__(self) -> None:
        self.rows = ["XGBoost inplace_predict (Python)"]

    def prepare(self, deadline: float) -> None:
        pass

    def reason(self, model: Model) -> str | None:
        if not (installed("xgboost") or installed("xgboost-cpu")):
            return "not installed"
        return None if (model.directory / "xgboost").exists() else "not built"

    def scores(self, model: Model) -> pathlib.Path:
        return model.directory / "xgboost.scores"

    def measure(self, models: list[Model], deadline: float) -> Samples:
        return [sample for model in models if self.reason(model) is None for sample in self.measure_one(model)]

    def measure_one(self, model: Model) -> Samples:
        import numpy as np
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray((model.directory / "xgboost").read_bytes()))
        rows = np.fromfile(model.rows).reshape(ROWS, model.features).astype(np.float32)
        booster.inplace_predict(rows).astype(np.float64).tofile(self.scores(model))
        samples: Samples = []
        for batch in BATCHES * WINDOWS:
            calls, start, elapsed = 0, time.perf_counter_ns(), 0
            while elapsed < WINDOW_MS * 1e6:
                at = calls * batch % ROWS
                booster.inplace_predict(rows[at : at + batch])
                calls, elapsed = calls + 1, time.perf_counter_ns() - start
            samples.append(((self.rows[0], model.name, batch), elapsed / calls / batch))
        return samples


def differs(scores: pathlib.Path, want: pathlib.Path, tolerance: float) -> bool:
    """Whether scores are others than LightGBM's own, by a share of them: most are close to 0. Without
    LightGBM there is nothing to compare with."""
    if not (scores.exists() and want.exists()):
        return False
    got, right = (array.array("d", path.read_bytes()) for path in (scores, want))
    return len(got) != len(right) or any(not abs(g - r) <= tolerance * r for g, r in zip(got, right))
