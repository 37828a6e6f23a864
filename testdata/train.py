"""Trains every model in testdata/models and writes what LightGBM itself predicts with it.

Needs Python 3.10 or later with lightgbm (4.7.0 made the committed files) and numpy. From the
repository's root:

    go run ./internal/demo/trainset -events 60000 -seed 2 > v2.csv
    go run ./internal/demo/trainset -events 150000 -seed 3 > v3.csv
    python3 testdata/train.py v2.csv v3.csv     # everything
    python3 testdata/train.py                   # only the small models, which need no CSV

The fraud models learn from the demo's own generator, so the demo's traffic and its model agree. The
small models learn from made-up columns and exist for one case of the file format or of the
arithmetic each; what each is for stands in testdata/README.md.

Beside NAME.txt stands NAME.expected.csv: the model's features, then raw_0… (the margins), then
score_0… (the outputs), as the *re-read* file predicts them, with 17 significant digits, which is
enough to name every float64. An empty cell is a missing value. Everything is seeded, on one thread
and deterministic, so a second run on the same LightGBM writes the same bytes.

Under a LightGBM older than 4 the script writes nothing but the files named for that version, which
show that older dialects are read: 2.2.3 (text v2) and 3.3.5 (text v3), both with numpy below 2.
"""

import csv
import pathlib
import sys

import lightgbm as lgb
import numpy as np

MODELS = pathlib.Path(__file__).resolve().parent / "models"
FRAUD = ["amount", "merchant_category", "tx_count_1h", "avg_amount_1h", "unique_merchants_1h"]
FIXED = {
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 7,
    "verbosity": -1,
}
ZERO = 1.0000000180025095e-35  # LightGBM's kZeroThreshold: the double next to the float 1e-35
AWKWARD = [
    np.nan, 0.0, -0.0, 1e-36, -1e-36, ZERO, -ZERO, np.nextafter(ZERO, 1), np.nextafter(-ZERO, -1),
    5e-324, 1e30, -1e30, np.inf, -np.inf, 1.0, -1.0, -0.3, 0.9999999999, 2.5, 31.0, 32.0, 33.7,
    299.0, 300.0, 1e6, 2147483647.0, 2147483648.0, 4294967296.0, -2147483649.0, 1e300,
]  # fmt: skip


def awkward_rows(usual, seed):
    """Rows of usual values, rows of one awkward value throughout, and usual rows with some mixed in."""
    rng = np.random.default_rng(seed)
    rows = [usual[rng.integers(len(usual))].copy() for _ in range(20)]
    rows += [np.full(usual.shape[1], value) for value in AWKWARD]
    for _ in range(60):
        row = usual[rng.integers(len(usual))].copy()
        hit = rng.random(len(row)) < 0.4
        row[hit] = rng.choice(AWKWARD, hit.sum())
        rows.append(row)
    return np.array(rows)


def write_expected(name, rows):
    """Predicts with the file as it stands on disk, never with the booster that wrote it."""
    booster = lgb.Booster(model_file=str(MODELS / f"{name}.txt"))
    raw = booster.predict(rows, raw_score=True, num_threads=1).reshape(len(rows), -1)
    score = booster.predict(rows, num_threads=1).reshape(len(rows), -1)
    header = booster.feature_name()
    header = header + [f"raw_{k}" for k in range(raw.shape[1])]
    header = header + [f"score_{k}" for k in range(score.shape[1])]
    with open(MODELS / f"{name}.expected.csv", "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        for values in np.hstack([rows, raw, score]):
            writer.writerow(["" if np.isnan(v) else f"{v:.17g}" for v in values])


def train(name, params, x, y, rounds=6, **more):
    """Trains one small model and writes its two files. Names are LightGBM's own Column_i unless given."""
    data = {k: more.pop(k) for k in ("feature_name", "categorical_feature", "group") if k in more}
    params = {**FIXED, "num_leaves": 8, "min_data_in_leaf": 15, "learning_rate": 0.2, **params}
    dataset = lgb.Dataset(x, y, params=params, **data)
    booster = lgb.train(params, dataset, rounds, **more)
    booster.save_model(str(MODELS / f"{name}.txt"))
    write_expected(name, awkward_rows(x, seed=len(name)))
    print(f"{name:24} {(MODELS / f'{name}.txt').stat().st_size:7} bytes, {booster.num_trees()} trees")
    return booster


def numbers(seed, n=3000, columns=5):
    """Columns of several scales and one with plain zeros, and a smooth score that depends on them all."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns))
    x[:, 0] = np.exp(x[:, 0] * 2)
    x[:, 1] *= 1000
    x[:, -1][rng.random(n) < 0.5] = 0.0
    score = np.log(x[:, 0]) / 2 + x[:, 1] / 1000 * (x[:, 2] > 0) + np.sign(x[:, -1])
    return x, score + rng.normal(size=n) * 0.3, rng


def small_objectives():
    x, score, rng = numbers(1)
    label = (score > 0).astype(float)
    share = 1 / (1 + np.exp(-score))
    classes = np.digitize(score, [-1, 0.5]).astype(float)
    positive = np.exp(score / 2)

    train("binary", {"objective": "binary"}, x, label)
    train("binary_sigmoid2", {"objective": "binary", "sigmoid": 2.0}, x, label)
    train("binary_sigmoid_third", {"objective": "binary", "sigmoid": 1 / 3}, x, label)
    train("cross_entropy", {"objective": "cross_entropy"}, x, share)
    train("cross_entropy_lambda", {"objective": "cross_entropy_lambda"}, x, share)
    train("regression", {"objective": "regression"}, x, score)
    for name in ["regression", "regression_l1", "quantile", "mape"]:
        train(f"{name}_sqrt", {"objective": name, "reg_sqrt": True}, x, score * 3)
    for name in ["regression_l1", "huber", "fair", "quantile", "mape"]:
        train(name, {"objective": name}, x, score * 3)
    train("poisson", {"objective": "poisson"}, x, rng.poisson(positive).astype(float))
    train("gamma", {"objective": "gamma"}, x, positive)
    train("tweedie", {"objective": "tweedie"}, x, positive * (score > 0))
    train("multiclass", {"objective": "multiclass", "num_class": 3}, x, classes, rounds=4)
    ova = {"objective": "multiclassova", "num_class": 3, "sigmoid": 1.5}
    train("multiclassova", ova, x, classes, rounds=4)
    groups = {"group": np.full(100, 30)}
    train("lambdarank", {"objective": "lambdarank"}, x, classes, **groups)
    train("rank_xendcg", {"objective": "rank_xendcg"}, x, classes, **groups)

    def squares(raw, dataset):
        return raw - dataset.get_label(), np.ones_like(raw)

    def each_class(raw, dataset):
        return raw - np.eye(3)[dataset.get_label().astype(int)], np.ones_like(raw)

    train("custom", {"objective": squares}, x, score)
    train("custom_multi", {"objective": each_class, "num_class": 3}, x, classes, rounds=3)


def small_boosters():
    x, score, _ = numbers(2)
    label = (score > 0).astype(float)
    classes = np.digitize(score, [-1, 0.5]).astype(float)
    forest = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.8}
    train("rf_binary", {"objective": "binary", **forest}, x, label, rounds=7)
    train("rf_regression", {"objective": "regression", **forest}, x, score, rounds=7)
    train("rf_multiclass", {"objective": "multiclass", "num_class": 3, **forest}, x, classes, rounds=3)
    train("dart", {"objective": "binary", "boosting": "dart", "drop_rate": 0.5}, x, label, rounds=10)
    train("goss", {"objective": "binary", "data_sample_strategy": "goss"}, x, label, rounds=10)
    constant = {"objective": "regression", "min_data_in_leaf": 5000}
    train("constant", constant, x, score, rounds=3)
    train("one_feature", {"objective": "binary"}, x[:, :1], label)
    train("monotone", {"objective": "regression", "monotone_constraints": [1, 0, 0, -1, 0]}, x, score)
    names = ["amount=eur", "größe", "a.b-c/d", "x|y", "Σ"]
    train("names", {"objective": "binary"}, x, label, feature_name=names)
    linear = {"objective": "regression", "linear_tree": True}
    train("linear", linear, x, score, rounds=3)


def small_missing():
    x, score, rng = numbers(3)
    label = (score > 0).astype(float)
    holes = x.copy()
    holes[rng.random(x.shape) < 0.15] = np.nan
    train("missing_nan", {"objective": "binary"}, holes, label)
    train("missing_zero", {"objective": "binary", "zero_as_missing": True}, holes, label)
    train("missing_off", {"objective": "binary", "use_missing": False}, holes, label)
    # Only whether the third column is there matters: LightGBM splits at threshold=inf.
    train("missing_alone", {"objective": "binary"}, holes, np.isnan(holes[:, 2]).astype(float), rounds=3)
    signs = np.sign(x) * (rng.random(x.shape) < 0.7) * np.round(np.abs(x), 1)
    train("zero_splits", {"objective": "regression"}, signs, np.where(signs[:, 2] < 0, 3, 0) + signs[:, 3])


def small_categories():
    x, score, rng = numbers(4)
    effect = rng.normal(size=300)
    wide, narrow = x.copy(), x.copy()
    wide[:, 2] = rng.integers(0, 300, len(x))
    narrow[:, 2] = rng.integers(0, 12, len(x))
    narrow[:, 3] = rng.integers(0, 3, len(x))
    wide[rng.random(len(x)) < 0.1, 2] = np.nan
    params = {"objective": "binary", "min_data_per_group": 5, "cat_smooth": 1.0, "max_cat_threshold": 64}

    def label(rows):
        code = np.nan_to_num(rows[:, 2]).astype(int)
        return (score + 2 * effect[code] > 0).astype(float)

    train("category_wide", params, wide, label(wide), categorical_feature=[2])
    train("category_narrow", params, narrow, label(narrow), categorical_feature=[2, 3])
    one_hot = {**params, "max_cat_to_onehot": 300}
    train("category_onehot", one_hot, narrow, label(narrow), categorical_feature=[2, 3])
    # Continued training: the same column numeric in the first trees and categorical in the later ones,
    # and without NaN first and with NaN later, so that one feature has nodes of several kinds.
    first = train("continued_first", {"objective": "binary"}, narrow, label(narrow), rounds=3)
    holes = narrow.copy()
    holes[rng.random(x.shape) < 0.15] = np.nan
    more = {"init_model": first, "categorical_feature": [2, 3]}
    train("continued", {**params, "zero_as_missing": True}, holes, label(holes), rounds=3, **more)
    for ending in (".txt", ".expected.csv"):
        (MODELS / f"continued_first{ending}").unlink()


def small_old():
    """What an older LightGBM writes; its own predictions are the expected ones."""
    x, score, rng = numbers(5)
    x[:, 2] = rng.integers(0, 40, len(x))
    score = score + 2 * rng.normal(size=40)[x[:, 2].astype(int)]
    classes = np.digitize(score, [-1, 0.5]).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    prefix = "lightgbm_" + lgb.__version__.replace(".", "_")
    columns = {"categorical_feature": [2], "rounds": 5}
    params = {"min_data_per_group": 5, "cat_smooth": 1.0}
    train(f"{prefix}_binary", {"objective": "binary", **params}, x, (score > 0).astype(float), **columns)
    lam = {"objective": "cross_entropy_lambda", **params}
    train(f"{prefix}_xentlambda", lam, x, 1 / (1 + np.exp(-score)), **columns)
    multi = {"objective": "multiclass", "num_class": 3, **params}
    train(f"{prefix}_multiclass", multi, x, classes, **columns)


def auc(label, score):
    order = np.argsort(score, kind="stable")
    _, first, count = np.unique(score[order], return_index=True, return_counts=True)
    rank = np.empty(len(score))
    rank[order] = np.repeat(first + (count + 1) / 2, count)
    hits = label.sum()
    return (rank[label == 1].sum() - hits * (hits + 1) / 2) / (hits * (len(label) - hits))


def read_fraud(path):
    with open(path, newline="") as source:
        header = next(csv.reader(source))
        if header != FRAUD + ["is_fraud"]:
            sys.exit(f"{path}: the header is {','.join(header)}, want {','.join(FRAUD)},is_fraud")
        table = np.array([[float(v) if v else np.nan for v in row] for row in csv.reader(source)])
    return table[:, :-1], table[:, -1]


def fraud(name, path, params):
    """Trains on the first four fifths, in time order, and measures on the last."""
    x, y = read_fraud(path)
    cut = len(x) * 4 // 5
    params = {**FIXED, "objective": "binary", "num_leaves": 31, **params}
    dataset = lgb.Dataset(x[:cut], y[:cut], feature_name=FRAUD, params=params)
    booster = lgb.train(params, dataset, 100)
    booster.save_model(str(MODELS / f"{name}.txt"))
    write_expected(name, np.vstack([x[cut : cut + 200], awkward_rows(x, seed=len(name))]))
    score = booster.predict(x[cut:])
    size = (MODELS / f"{name}.txt").stat().st_size
    alarms = score > 0.5
    caught = (alarms & (y[cut:] == 1)).sum() / max(y[cut:].sum(), 1)
    print(f"{name:24} {size:7} bytes, {len(x)} rows, {y.mean():.4f} fraud, AUC {auc(y[cut:], score):.4f}, "
          f"at 0.5: {alarms.mean():.4f} alarmed, {caught:.3f} of fraud caught")  # fmt: skip


def main():
    MODELS.mkdir(exist_ok=True)
    if int(lgb.__version__.split(".")[0]) < 4:
        small_old()
        return
    small_objectives()
    small_boosters()
    small_missing()
    small_categories()
    if len(sys.argv) == 3:
        fraud("fraud_model_v2", sys.argv[1], {"learning_rate": 0.05, "min_data_in_leaf": 40})
        fraud("fraud_model_v3", sys.argv[2], {"learning_rate": 0.08, "min_data_in_leaf": 80, "lambda_l2": 1.0})
        whole = (MODELS / "fraud_model_v3.txt").read_bytes()
        middle = whole.index(b"Tree=50\n")
        (MODELS / "broken_model.txt").write_bytes(whole[: middle + 700])
    elif len(sys.argv) != 1:
        sys.exit("usage: train.py [v2.csv v3.csv]")


if __name__ == "__main__":
    main()
