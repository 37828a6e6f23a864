"""Trains the LightGBM models in testdata/models and writes what LightGBM itself predicts with them.

Needs Python 3.11 or later with lightgbm (4.7.0 made the files without a version in their name),
numpy, scipy and pandas. From the repository's root:

    go run ./internal/demo/trainset -events 60000 -seed 2 > v2.csv
    go run ./internal/demo/trainset -events 150000 -seed 3 > v3.csv
    python3 testdata/train_lightgbm.py v2.csv v3.csv     # everything
    python3 testdata/train_lightgbm.py                   # only the small models, which need no CSV

The fraud models learn from the demo's own generator, so the demo's traffic and its model agree. The
small models learn from made-up columns and exist for one case of the file format or of the
arithmetic each; what each is for stands in testdata/README.md.

Beside NAME.txt stands NAME.expected.csv: the model's features, then raw_0… (the margins), then
score_0… (the outputs), as the *re-read* file predicts them, with 17 significant digits, which is
enough to name every float64. An empty cell is a missing value. Everything is seeded, on one thread
and deterministic, so a second run on the same LightGBM writes the same bytes.

Under any other LightGBM the script writes nothing but the files named for that version, which show
that older dialects are read; README.md lists those that made the committed files.
"""

import contextlib
import csv
import json
import pathlib
import pickle
import sys
import tempfile

import lightgbm as lgb
import numpy as np

try:
    import pandas as pd
    import scipy.sparse
except ImportError:  # The older versions do without.
    pd = scipy = None

MODELS = pathlib.Path(__file__).resolve().parent / "models"
CURRENT = "4.7.0"
VERSION = tuple(int(part) for part in lgb.__version__.split(".")[:2])
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


def rows_at_splits(name, usual, seed):
    """Usual rows with a threshold of the model, or the number next to one, in most columns."""
    rng = np.random.default_rng(seed)
    found = [[] for _ in range(usual.shape[1])]
    tree = {}
    for line in (MODELS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        key, _, values = line.partition("=")
        if key in ("split_feature", "threshold", "decision_type"):
            tree[key] = values.split()
        if key == "decision_type":
            for column, value, kind in zip(tree["split_feature"], tree["threshold"], tree["decision_type"]):
                if not int(kind) & 1:
                    found[int(column)].append(float(value))
    rows = []
    for _ in range(20):
        row = usual[rng.integers(len(usual))].copy()
        for column, values in enumerate(found):
            if values and rng.random() < 0.8:
                value = rng.choice(values)
                row[column] = rng.choice([value, np.nextafter(value, np.inf), np.nextafter(value, -np.inf)])
        rows.append(row)
    return np.array(rows)


def write_expected(name, rows):
    """Predicts with the file as it stands on disk, never with the booster that wrote it."""
    rows = np.vstack([rows, rows_at_splits(name, rows[:20], len(name))])
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


def save(name, booster, usual, **part):
    booster.save_model(str(MODELS / f"{name}.txt"), **part)
    write_expected(name, awkward_rows(usual, seed=len(name)))
    print(f"{name:28} {(MODELS / f'{name}.txt').stat().st_size:7} bytes, {booster.num_trees()} trees")


def train(name, params, x, y, rounds=6, usual=None, **more):
    """Trains one small model and writes its two files. Names are LightGBM's own Column_i unless given."""
    data = {k: more.pop(k) for k in ("feature_name", "categorical_feature", "group") if k in more}
    params = {**FIXED, "num_leaves": 8, "min_data_in_leaf": 15, "learning_rate": 0.2, **params}
    dataset = lgb.Dataset(x, y, params=params, **data)
    booster = lgb.train(params, dataset, rounds, **more)
    save(name, booster, x if usual is None else usual)
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


def small_linear():
    x, score, rng = numbers(2)
    linear = {"objective": "regression", "linear_tree": True}
    train("linear", linear, x, score, rounds=3)

    label = (score > 0).astype(float)
    classes = np.digitize(score, [-1, 0.5]).astype(float)
    holes = x.copy()
    holes[rng.random(x.shape) < 0.15] = np.nan
    towns = holes.copy()
    towns[:, 2] = rng.integers(0, 40, len(x))
    town = 2 * rng.normal(size=40)[towns[:, 2].astype(int)]
    shops = {"categorical_feature": [2], "rounds": 3}

    train("linear_binary", {**linear, "objective": "binary"}, x, label, rounds=3)
    train("linear_missing", linear, holes, score, rounds=3)
    train("linear_missing_off", {**linear, "use_missing": False}, holes, score, rounds=3)
    train("linear_sqrt", {**linear, "reg_sqrt": True}, x, score * 3, rounds=3)
    train("linear_quantile", {**linear, "objective": "quantile", "alpha": 0.8}, x, score, rounds=3)
    counts = rng.poisson(np.exp(score / 2))
    train("linear_poisson", {**linear, "objective": "poisson"}, holes, counts, rounds=3)
    multi = {**linear, "objective": "multiclass", "num_class": 3}
    train("linear_multiclass", multi, holes, classes, rounds=2)
    train("linear_lambda", {**linear, "linear_lambda": 5.0}, x, score, rounds=3)
    # Leaves below categorical splits alone have nothing to be linear in: constants among linear leaves.
    train("linear_category", linear, towns, score + town, **shops)
    train("linear_constant", {**linear, "cat_smooth": 1, "min_data_per_group": 5}, towns, town * 5, **shops)
    train("linear_short", {**linear, "num_leaves": 2}, x, score, rounds=2)
    forest = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
    train("linear_rf", {**linear, **forest, "objective": "binary"}, x, label, rounds=3)
    train("linear_dart", {**linear, "boosting": "dart", "drop_rate": 0.5}, holes, score, rounds=5)
    groups = {"group": np.full(100, 30)}
    train("linear_lambdarank", {**linear, "objective": "lambdarank"}, x, classes, rounds=2, **groups)


def small_settings():
    """Ways to grow trees, none of which the file should need a reader to know."""
    x, score, rng = numbers(6)
    label = (score > 0).astype(float)
    binary, squares = {"objective": "binary"}, {"objective": "regression"}
    holes = x.copy()
    holes[rng.random(x.shape) < 0.15] = np.nan
    classes = np.digitize(score, [-1, 0.5]).astype(float)

    train("quantized", {**binary, "use_quantized_grad": True, "quant_train_renew_leaf": True}, holes, label)
    train("extra_trees", {**binary, "extra_trees": True}, holes, label)
    constraint = {"monotone_constraints": [1, 0, 0, -1, 0], "monotone_constraints_method": "advanced"}
    train("monotone_missing", {**squares, **constraint, "monotone_penalty": 1.0}, holes, score)
    train("interaction", {**binary, "interaction_constraints": [[0, 1], [2, 3, 4]]}, x, label)
    train("path_smooth", {**squares, "path_smooth": 20.0}, x, score)
    cegb = {"cegb_tradeoff": 1.0, "cegb_penalty_split": 1e-4, "cegb_penalty_feature_coupled": [0, 1, 0, 1, 0]}
    train("cegb", {**binary, **cegb}, x, label)
    train("max_bin", {**binary, "max_bin": 1023, "min_data_in_bin": 1}, x, label)
    train("not_from_average", {**squares, "boost_from_average": False}, x, score + 10)
    train("deep", {**squares, "num_leaves": 80, "min_data_in_leaf": 1}, x[:400], score[:400], rounds=2)
    forced = {"feature": 2, "threshold": 0.25, "right": {"feature": 3, "threshold": -0.5}}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        pathlib.Path("forced_splits.json").write_text(json.dumps(forced))
        train("forced_splits", {**binary, "forcedsplits_filename": "forced_splits.json"}, x, label)

    train("dart_missing", {**binary, "boosting": "dart", "drop_rate": 0.5}, holes, label, rounds=8)
    like_xgboost = {"boosting": "dart", "drop_rate": 0.5, "xgboost_dart_mode": True, "uniform_drop": True}
    train("dart_multiclass", {**like_xgboost, "objective": "multiclass", "num_class": 3}, x, classes, rounds=4)
    forest = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
    ova = {"objective": "multiclassova", "num_class": 3, "sigmoid": 1.5}
    train("rf_multiclassova", {**forest, **ova}, holes, classes, rounds=3)
    train("rf_poisson", {**forest, "objective": "poisson"}, x, rng.poisson(np.exp(score / 2)), rounds=5)
    share = {"objective": "cross_entropy_lambda"}
    train("rf_cross_entropy_lambda", {**forest, **share}, x, 1 / (1 + np.exp(-score)), rounds=5)
    train("rf_sqrt", {**forest, **squares, "reg_sqrt": True}, x, score * 3, rounds=5)
    train("rank_missing", {"objective": "lambdarank"}, holes, classes, group=np.full(100, 30))

    # One class never occurs, so its trees are constants; nor does the other label of the last model.
    train("multiclass_unseen", {"objective": "multiclass", "num_class": 4}, x, classes, rounds=2)
    train("multiclassova_unseen", {"objective": "multiclassova", "num_class": 4}, x, classes, rounds=2)
    train("binary_sure", binary, x, np.ones(len(x)), rounds=2)

    scales = [1e-300, 1e-34, 1e300, 1e-20, 1]
    train("tiny_and_huge", squares, x * scales, score)
    wide = np.zeros((1500, 150))
    hit = rng.random(wide.shape) < 0.03
    wide[hit] = np.round(rng.normal(size=hit.sum()), 3)
    train("wide", squares, scipy.sparse.csr_matrix(wide), wide[:, :40].sum(axis=1), usual=wide)


def small_lives():
    """What becomes of a model after its training."""
    x, score, rng = numbers(7)
    label = (score > 0).astype(float)
    binary = {"objective": "binary"}
    settings = {**FIXED, **binary, "num_leaves": 8, "learning_rate": 0.5}
    dataset = lgb.Dataset(x[:2000], label[:2000], params=settings)
    late = lgb.Dataset(x[2000:], label[2000:], reference=dataset, params=settings)
    stop = {"valid_sets": [late], "callbacks": [lgb.early_stopping(3, verbose=False)]}
    stopped = lgb.train(settings, dataset, 40, keep_training_booster=True, **stop)
    if stopped.best_iteration == stopped.current_iteration():
        sys.exit("early_stopped: its best iteration is its last, which shows nothing")
    save("early_stopped", stopped, x)
    save("early_stopped_whole", stopped, x, num_iteration=-1)
    multi = {"objective": "multiclass", "num_class": 3}
    whole = train("sliced", multi, x, np.digitize(score, [-1, 0.5]), rounds=5)
    save("sliced", whole, x, start_iteration=1, num_iteration=3)
    first = train("refitted", binary, x, label)
    save("refitted", first.refit(x[:500], label[:500], decay_rate=0.3), x)
    save("no_trees", lgb.Booster(settings, lgb.Dataset(x, label, params=settings)), x)


def refused():
    """Files people mistake for models."""
    x, score, _ = numbers(8, n=300)
    booster = lgb.train({**FIXED, "num_leaves": 4}, lgb.Dataset(x, score), 2)
    (MODELS / "refused_lightgbm_dump.json").write_text(json.dumps(booster.dump_model()) + "\n")
    (MODELS / "refused_lightgbm_pickle.pkl").write_bytes(pickle.dumps(booster, protocol=4))


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

    for name, setting in [
        ("category_zero_missing", {"zero_as_missing": True}),
        ("category_missing_off", {"use_missing": False}),
        ("category_dart", {"boosting": "dart", "drop_rate": 0.5}),
    ]:
        train(name, {**params, **setting}, wide, label(wide), categorical_feature=[2])
    classes = np.digitize(score + effect[narrow[:, 2].astype(int)], [-1, 0.5]).astype(float)
    multi = {**params, "objective": "multiclass", "num_class": 3}
    train("category_multiclass", multi, narrow, classes, rounds=3, categorical_feature=[2, 3])
    # 3,000 categories, most of them rare, and some of the rare ones beyond the largest bin.
    many = x.copy()
    many[:, 2] = np.floor(rng.random(len(x)) ** 2 * 3000)
    spread = rng.normal(size=3000)[many[:, 2].astype(int)]
    loose = {**params, "max_bin": 1023, "min_data_per_group": 2}
    rare = (score + 2 * spread > 0).astype(float)
    train("category_many", loose, many, rare, rounds=3, categorical_feature=[2])
    # A data frame's categories stand in the file's last line; the rows of the expectation are codes.
    towns = np.array(["Köln", "Aachen", "", "Zürich", "b,c", "a=b", "x", "yy", "東京", "[]", '"', "-1"])
    frame = pd.DataFrame({f"c{i}": narrow[:, i] for i in (0, 1, 4)})
    frame["town"] = pd.Categorical(towns[narrow[:, 2].astype(int)], categories=towns)
    frame["size"] = pd.Categorical(narrow[:, 3].astype(int) * 5, categories=[0, 5, 10])
    train("category_pandas", params, frame, label(narrow), usual=narrow[:, [0, 1, 4, 2, 3]])


def small_old():
    """What another LightGBM writes; its own predictions are the expected ones."""
    x, score, rng = numbers(5)
    x[:, 2] = rng.integers(0, 40, len(x))
    score = score + 2 * rng.normal(size=40)[x[:, 2].astype(int)]
    classes = np.digitize(score, [-1, 0.5]).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    prefix = "lightgbm_" + lgb.__version__.replace(".", "_")
    columns = {"categorical_feature": [2], "rounds": 5}
    params = {"min_data_per_group": 5, "cat_smooth": 1.0}
    train(f"{prefix}_binary", {"objective": "binary", **params}, x, (score > 0).astype(float), **columns)
    if VERSION >= (3, 2):
        linear = {"objective": "regression", "linear_tree": True, **params}
        train(f"{prefix}_linear", linear, x, score, **{**columns, "rounds": 2})
    if lgb.__version__ not in ("2.2.3", "3.3.5"):
        return
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
    if lgb.__version__ != CURRENT:
        small_old()
        return
    small_objectives()
    small_boosters()
    small_linear()
    small_settings()
    small_lives()
    small_missing()
    small_categories()
    refused()
    if len(sys.argv) == 3:
        fraud("fraud_model_v2", sys.argv[1], {"learning_rate": 0.05, "min_data_in_leaf": 40})
        fraud("fraud_model_v3", sys.argv[2], {"learning_rate": 0.08, "min_data_in_leaf": 80, "lambda_l2": 1.0})
        whole = (MODELS / "fraud_model_v3.txt").read_bytes()
        middle = whole.index(b"Tree=50\n")
        (MODELS / "broken_model.txt").write_bytes(whole[: middle + 700])
    elif len(sys.argv) != 1:
        sys.exit("usage: train_lightgbm.py [v2.csv v3.csv]")


if __name__ == "__main__":
    main()
