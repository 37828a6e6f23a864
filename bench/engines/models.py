"""The three models and the rows that every contender scores."""

from __future__ import annotations

import array
import gzip
import hashlib
import math
import pathlib
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

NAMES = ("small", "medium", "large")
BATCHES = (1, 64, 512)
ROWS = 4096  # As many as BenchmarkPredict cycles through, so that no branch predictor learns them.
ZERO_BAND = 1.0000000180025095e-35  # LightGBM's kZeroThreshold (include/LightGBM/meta.h).


@dataclass(frozen=True)
class Model:
    """One model, unpacked into a directory named by its content: what is built of it stays valid there."""

    name: str
    directory: pathlib.Path
    features: int

    @property
    def text(self) -> pathlib.Path:
        return self.directory / "model.txt"

    @property
    def rows(self) -> pathlib.Path:
        """ROWS rows of float64, one after the other."""
        return self.directory / "rows.f64"


def unpack(packed: pathlib.Path, cache: pathlib.Path) -> Model:
    data = gzip.decompress(packed.read_bytes())
    name = packed.name.split(".")[0]
    directory = cache / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    directory.mkdir(parents=True, exist_ok=True)
    text = data.decode()
    model = Model(name, directory, int(header(text)["max_feature_idx"]) + 1)
    model.text.write_bytes(data)
    model.rows.write_bytes(make_rows(text, model.features).tobytes())
    return model


def header(text: str) -> dict[str, str]:
    return fields(text.partition("\n\n")[0])


def trees(text: str) -> Iterator[dict[str, str]]:
    """The fields of each tree."""
    for block in text[: text.index("end of trees")].split("\nTree=")[1:]:
        yield fields(block.partition("\n\n")[0])


def fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.split("\n") if "=" in line)


def make_rows(text: str, features: int) -> array.array[float]:
    """Rows drawn evenly from each feature's thresholds, 5 % of the cells missing, as BenchmarkPredict has
    them. Each value is a float32, so that XGBoost, which knows no others, decides as LightGBM does; and
    the edges of LightGBM's zero band are zeros, which is what only LightGBM takes them for."""
    cuts: list[set[float]] = [set() for _ in range(features)]
    for tree in trees(text):
        for feature, cut in zip(tree["split_feature"].split(), tree["threshold"].split()):
            value = floor32(float(cut))
            if math.isfinite(value):  # An infinite one tells missing values apart, no others.
                cuts[int(feature)].add(value if abs(value) > ZERO_BAND else 0.0)
    ordered = [sorted(c) for c in cuts]
    rng = random.Random(1)
    cells = (math.nan if rng.random() < 0.05 else rng.choice(c) for _ in range(ROWS) for c in ordered)
    return array.array("d", cells)


def floor32(x: float) -> float:
    """The greatest float32 that is not above x."""
    (near,) = struct.unpack("<f", struct.pack("<f", x))
    return near if near <= x else step32(near, -1)


def step32(x: float, step: int) -> float:
    """The next float32 above x, a float32 itself, for a step of 1; the next below for -1."""
    if math.isinf(x):
        return x
    if x == 0:
        return step * 2.0**-149
    (bits,) = struct.unpack("<i", struct.pack("<f", x))
    bits += step if bits >= 0 else -step
    return float(struct.unpack("<f", struct.pack("<i", bits))[0])
