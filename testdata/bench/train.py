"""Trains the three models that the benchmarks of scoring and bench/engines measure with.

Needs Python 3.10 or later with lightgbm (4.7.0 made the committed files) and numpy. From the
repository's root:

    python3 testdata/bench/train.py

The rows are made up: skewed, wide and normal columns, a smooth score with interactions, a label with
noise, 5 % of the cells missing. Training is seeded, deterministic and on one thread, so a second run
on the same LightGBM writes the same bytes.

What LightGBM writes is kept as it is but for two things, which keep the repository small: fields that
tell of the training and change no score are left out (and with them tree_sizes, the length of each
tree's text, which no longer holds), and leaf values are rounded to 8 significant digits. Before a
file is written, LightGBM reads it back: it must reach the leaf of the trained model in every tree.
"""

import gzip
import pathlib
import re
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
UNUSED = ("tree_sizes", "split_gain", "leaf_weight", "leaf_count",
          "internal_value", "internal_weight", "internal_count")  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What is trained: its size, and the share of positives and settings that give trees of real depth."""

    name: str
    trees: int
    leaves: int
    features: int
    rows: int
    positives: float
    params: dict[str, float]


SHAPES = [
    Shape("small", 100, 31, 5, 20_000, 0.20, {"learning_rate": 0.1, "min_data_in_leaf": 20}),
    Shape("medium", 500, 64, 30, 10_000, 0.50, {"learning_rate": 0.1, "min_data_in_leaf": 5}),
    Shape("large", 1000, 255, 100, 8_000, 0.08,
          {"learning_rate": 0.02, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0}),
]  # fmt: skip


def table(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels. A fifth of the columns is log-normal, a fifth in the thousands, the rest normal."""
    rng = np.random.default_rng(1)
    n, k = shape.rows, shape.features
    z = rng.normal(size=(n, k))
    pairs = zip(rng.permutation(k), rng.permutation(k))
    score = z @ rng.normal(size=k) / np.sqrt(k)
    score += sum(z[:, a] * z[:, b] for a, b in pairs) / np.sqrt(k)
    score += np.sin(2 * z[:, 0]) + rng.logistic(size=n) / 2
    label = (score > np.quantile(score, 1 - shape.positives)).astype(float)
    x = z.copy()
    fifth = k // 5
    x[:, :fifth] = np.exp(z[:, :fifth])
    x[:, fifth : 2 * fifth] *= 1000
    x[rng.random(x.shape) < 0.05] = np.nan
    return x, label


def train(shape: Shape, x: np.ndarray, label: np.ndarray) -> lgb.Booster:
    params = {"objective": "binary", "num_leaves": shape.leaves, "num_threads": 1, "deterministic": True,
              "force_row_wise": True, "seed": 7, "verbosity": -1, **shape.params}  # fmt: skip
    return lgb.train(params, lgb.Dataset(x, label, params=params), shape.trees)


def strip(text: str) -> str:
    """The model without what changes no score: of what follows the trees, nothing is needed."""
    text = text[: text.index("end of trees")] + "end of trees\n"
    lines = []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key in UNUSED:
            continue
        if key == "leaf_value":
            line = "leaf_value=" + " ".join(f"{float(v):.8g}" for v in value.split(" "))
        lines.append(line)
    return "\n".join(lines) + "\n"


def depths(booster: lgb.Booster) -> tuple[float, float]:
    """The mean depth at which the training rows leave a tree, and the mean of the deepest leaves."""
    means, deepest = [], []
    for tree in booster.dump_model()["tree_info"]:
        total = rows = most = 0
        open_nodes = [(tree["tree_structure"], 0)]
        while open_nodes:
            node, depth = open_nodes.pop()
            if "leaf_count" in node:
                total, rows, most = total + depth * node["leaf_count"], rows + node["leaf_count"], max(most, depth)
            else:
                open_nodes += [(node["left_child"], depth + 1), (node["right_child"], depth + 1)]
        means.append(total / rows)
        deepest.append(most)
    return float(np.mean(means)), float(np.mean(deepest))


def thresholds(booster: lgb.Booster) -> list[int]:
    """How many different thresholds each feature has."""
    distinct: dict[int, set[float]] = {}
    for tree in booster.dump_model()["tree_info"]:
        open_nodes = [tree["tree_structure"]]
        while open_nodes:
            node = open_nodes.pop()
            if "threshold" in node:
                distinct.setdefault(node["split_feature"], set()).add(node["threshold"])
                open_nodes += [node["left_child"], node["right_child"]]
    return [len(distinct.get(k, ())) for k in range(booster.num_feature())]


def check(shape: Shape, booster: lgb.Booster, text: str, x: np.ndarray) -> None:
    """Every tree is full, every feature used, and the stripped file is the trained model still."""
    counts = [int(n) for n in re.findall(r"^num_leaves=(\d+)$", text, re.M)]
    assert counts == [shape.leaves] * shape.trees, f"{shape.name}: trees of {min(counts)} leaves"
    assert all(thresholds(booster)), f"{shape.name}: a feature is not used"
    again = lgb.Booster(model_str=text)
    sample = x[:1000]
    same = np.array_equal(again.predict(sample, pred_leaf=True), booster.predict(sample, pred_leaf=True))
    assert same, f"{shape.name}: the stripped file goes to other leaves"
    raw, want = (b.predict(sample, raw_score=True) for b in (again, booster))
    assert np.allclose(raw, want, rtol=1e-6, atol=1e-6), f"{shape.name}: the stripped file scores otherwise"


def main() -> None:
    for shape in SHAPES:
        x, label = table(shape)
        booster = train(shape, x, label)
        text = strip(booster.model_to_string())
        check(shape, booster, text, x)
        packed = gzip.compress(text.encode(), compresslevel=9, mtime=0)
        (HERE / f"{shape.name}.txt.gz").write_bytes(packed)
        mean, deepest = depths(booster)
        bins = thresholds(booster)
        print(f"{shape.name:7} {len(packed)} bytes ({len(text)} unpacked), mean depth {mean:.1f}, deepest leaf "
              f"{deepest:.1f}, thresholds a feature {min(bins)} to {max(bins)}, in all {sum(bins)}")  # fmt: skip


if __name__ == "__main__":
    main()
