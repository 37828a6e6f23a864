"""Trains the XGBoost models in testdata/models and writes what XGBoost itself predicts with them.

Needs xgboost (3.2.0 made the files without a version in their name), numpy, scipy and, for the
models learned from data frames, pandas. From the repository's root:

    python3 testdata/train_xgboost.py

Beside NAME.json, NAME.ubj or both stands NAME.expected.csv: the model's features (f0, f1, … where the
file names none), then raw_0… (`output_margin=True`), then score_0…, as `Booster.predict` of the
*re-read* file gives them; where both formats exist they have to agree. Numbers that are float32 are
written with the fewest digits that name them, all others with the digits of a float64. An empty cell is
a missing value. Everything is seeded, on one thread and deterministic.

Under any other version the script writes nothing but the files named for that version, which show
that older and newer dialects are read; README.md lists those that made the committed files.
"""

import json
import pathlib
import pickle
import tempfile

import numpy as np
import xgboost as xgb

MODELS = pathlib.Path(__file__).resolve().parent / "models"
CURRENT = "3.2.0"
VERSION = tuple(int(part) for part in xgb.__version__.split(".")[:2])
FIXED = {"nthread": 1, "seed": 7, "verbosity": 0}
BOTH = ("json", "ubj")

# XGBoost itself refuses infinities, and numbers beyond float32, in the matrix it predicts from.
AWKWARD = [
    np.nan, 0.0, -0.0, 1e-36, -1e-36, 1e-40, -1e-45, 5e-324, 1e30, -1e30, 3.4028235e38, 1.0, -1.0, -0.3,
    0.1, 1 / 3, 0.5, 0.9999999999, 2.5, 31.0, 32.0, 33.7, 99.0, 100.0, 1e6, 16777215.0, 16777216.0,
    16777217.0, 2147483648.0,
]  # fmt: skip


def cell(value):
    """The text of a number: short where float32 is all there is, and always the very float64."""
    if np.isnan(value):
        return ""
    with np.errstate(over="ignore"):
        if np.float32(value) == value:
            text = str(np.float32(value))
            return text if np.float32(float(text)) == np.float32(value) else repr(float(value))
    return repr(float(value))


def splits(booster, columns):
    """The numbers each column is compared with, out of the file, which holds them in full."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder, "model.json"))
        booster.save_model(path)
        document = json.loads(pathlib.Path(path).read_text())
    found = [[] for _ in range(columns)]
    model = document["learner"]["gradient_booster"]
    model = model.get("gbtree", model)["model"]
    for tree in model.get("trees", []):
        kinds = tree.get("split_type") or [0] * len(tree["left_children"])
        for left, column, kind, value in zip(
            tree["left_children"], tree["split_indices"], kinds, tree["split_conditions"]
        ):
            if left != -1 and not kind and column < columns and np.isfinite(value):
                found[column].append(np.float32(value))
    return found


def around(value, rng):
    """A float32 threshold, its neighbours, and float64s beside it that round to it or to a neighbour."""
    step = np.float64(np.nextafter(value, np.float32(np.inf))) - np.float64(value)
    steps = [0.0, 1.0, -1.0, 0.4, -0.2, 0.6, -0.3]
    return np.float64(value) + rng.choice(steps) * step


def awkward_rows(usual, cuts, seed):
    """Usual rows, rows of one awkward value throughout, usual rows with some mixed in, rows at splits."""
    rng = np.random.default_rng(seed)
    rows = [usual[rng.integers(len(usual))].copy() for _ in range(20)]
    rows += [np.full(usual.shape[1], value) for value in AWKWARD]
    for _ in range(25):
        row = usual[rng.integers(len(usual))].copy()
        hit = rng.random(len(row)) < 0.4
        row[hit] = rng.choice(AWKWARD, hit.sum())
        rows.append(row)
    for _ in range(30):
        row = usual[rng.integers(len(usual))].copy()
        for column, values in enumerate(cuts):
            if values and rng.random() < 0.8:
                row[column] = around(values[rng.integers(len(values))], rng)
        rows.append(row)
    return np.array(rows)


def predict(path, rows):
    booster = xgb.Booster(model_file=str(path))
    matrix = {"nthread": 1}
    for key in ("feature_names", "feature_types"):
        if getattr(booster, key, None):
            matrix[key] = getattr(booster, key)
    if "c" in matrix.get("feature_types", []):
        matrix["enable_categorical"] = True
    booster.set_param({"nthread": 1})
    rows = xgb.DMatrix(rows, **matrix)
    count = rows.num_row()
    raw = booster.predict(rows, output_margin=True).reshape(count, -1)
    return booster.feature_names, np.hstack([raw, booster.predict(rows).reshape(count, -1)]), raw.shape[1]


def write_expected(name, endings, rows):
    """Predicts with the files as they stand on disk, never with the booster that wrote them."""
    lines = [[cell(value) for value in row] for row in rows]
    rows = np.array([[float(text or "nan") for text in line] for line in lines])
    names, results, outputs = predict(MODELS / f"{name}.{endings[0]}", rows)
    for ending in endings[1:]:
        _, same, _ = predict(MODELS / f"{name}.{ending}", rows)
        if not np.array_equal(results, same, equal_nan=True):
            raise SystemExit(f"{name}: .{endings[0]} and .{ending} predict differently")
    header = list(names or [f"f{i}" for i in range(rows.shape[1])])
    header += [f"raw_{k}" for k in range(outputs)]
    header += [f"score_{k}" for k in range(results.shape[1] - outputs)]
    with open(MODELS / f"{name}.expected.csv", "w", newline="", encoding="utf-8") as out:
        for line in [[quoted(text) for text in header]] + [
            line + [cell(v) for v in result] for line, result in zip(lines, results)
        ]:
            out.write(",".join(line) + "\n")


def quoted(text):
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n\r') else text


def save(name, booster, usual, endings=("json",)):
    name = f"xgboost_{name}"
    for ending in endings:
        booster.save_model(str(MODELS / f"{name}.{ending}"))
    cuts = splits(booster, usual.shape[1])
    write_expected(name, endings, awkward_rows(usual, cuts, len(name)))
    sizes = [f"{(MODELS / f'{name}.{ending}').stat().st_size} bytes .{ending}" for ending in endings]
    print(f"{name:36} {', '.join(sizes)}")
    return booster


def matrix(x, y=None, **more):
    """A DMatrix; `group`, `label_lower_bound` and `label_upper_bound` are set apart from the rest."""
    apart = {key: more.pop(key) for key in list(more) if key in ("group",) or key.startswith("label_")}
    if "c" in (more.get("feature_types") or []):
        more["enable_categorical"] = True
    data = xgb.DMatrix(x, y, nthread=1, **more)
    if "group" in apart:
        data.set_group(apart.pop("group"))
    for key, values in apart.items():
        data.set_float_info(key, values)
    return data


def train(name, params, x, y=None, rounds=6, endings=("json",), data=None, rows=None, **more):
    """Trains one small model and writes its files. `data` goes to the DMatrix, `rows` are for the rows."""
    params = {**FIXED, "max_depth": 3, "eta": 0.4, **params}
    booster = xgb.train(params, matrix(x, y, **(data or {})), rounds, **more)
    usual = np.asarray(rows if rows is not None else x, dtype=float)
    return save(name, booster, usual, endings)


def numbers(seed, n=1500, columns=5):
    """Columns of several scales and one with plain zeros, and a smooth score that depends on them all."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns))
    x[:, 0] = np.exp(x[:, 0] * 2)
    x[:, 1] *= 1000
    x[:, -1][rng.random(n) < 0.5] = 0.0
    score = np.log(x[:, 0]) / 2 + x[:, 1] / 1000 * (x[:, 2] > 0) + np.sign(x[:, -1])
    return x.astype(np.float32).astype(float), score + rng.normal(size=n) * 0.3, rng


def three(score):
    return np.digitize(score, [-1, 0.5]).astype(float)


def objectives():
    x, score, rng = numbers(1)
    label = (score > 0).astype(float)
    share = 1 / (1 + np.exp(-score))
    positive = np.exp(score / 2)
    groups = {"group": np.full(50, 30)}

    train("squarederror", {"objective": "reg:squarederror"}, x, score, endings=BOTH)
    train("squaredlogerror", {"objective": "reg:squaredlogerror"}, x, positive)
    train("reg_logistic", {"objective": "reg:logistic"}, x, share)
    train("pseudohubererror", {"objective": "reg:pseudohubererror", "huber_slope": 0.5}, x, score)
    train("absoluteerror", {"objective": "reg:absoluteerror"}, x, score)
    train("quantile", {"objective": "reg:quantileerror", "quantile_alpha": 0.8}, x, score)
    alphas = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}
    train("quantiles", alphas, x, score, rounds=4, endings=("ubj",))
    train("gamma", {"objective": "reg:gamma"}, x, positive)
    tweedie = {"objective": "reg:tweedie", "tweedie_variance_power": 1.3}
    train("tweedie", tweedie, x, positive * label, endings=("ubj",))
    train("poisson", {"objective": "count:poisson"}, x, rng.poisson(positive).astype(float))
    train("cox", {"objective": "survival:cox"}, x, positive * np.where(rng.random(len(x)) < 0.3, -1, 1))
    bounds = {"label_lower_bound": positive, "label_upper_bound": np.where(label > 0, np.inf, positive * 2)}
    train("aft", {"objective": "survival:aft"}, x, data=bounds)
    train("logistic", {"objective": "binary:logistic"}, x, label, endings=BOTH)
    train("logitraw", {"objective": "binary:logitraw"}, x, label)
    train("hinge", {"objective": "binary:hinge"}, x, label)
    train("softmax", {"objective": "multi:softmax", "num_class": 3}, x, three(score), rounds=3, endings=BOTH)
    train("softprob", {"objective": "multi:softprob", "num_class": 3}, x, three(score), rounds=3)
    train("rank_pairwise", {"objective": "rank:pairwise"}, x, three(score), data=groups)
    train("rank_ndcg", {"objective": "rank:ndcg"}, x, three(score), data=groups, endings=("ubj",))
    train("rank_map", {"objective": "rank:map"}, x, label, data=groups)

    def squares(raw, data):
        return raw - data.get_label(), np.ones_like(raw)

    def each_class(raw, data):
        return raw - np.eye(3)[data.get_label().astype(int)], np.ones_like(raw)

    train("custom", {}, x, score, obj=squares)
    train("custom_multi", {"num_class": 3}, x, three(score), rounds=3, obj=each_class)


def base_scores():
    x, score, rng = numbers(2)
    label = (score > 0).astype(float)
    logistic = {"objective": "binary:logistic"}
    train("base_score", {**logistic, "base_score": 0.3}, x, label, endings=BOTH)
    train("base_score_small", {**logistic, "base_score": 1e-9}, x, label)
    train("base_score_sure", logistic, x, np.ones(len(x)), rounds=2)
    poisson = {"objective": "count:poisson", "base_score": 2.5}
    train("base_score_poisson", poisson, x, rng.poisson(np.exp(score / 2)))
    train("base_score_logitraw", {"objective": "binary:logitraw", "base_score": 0.3}, x, label)
    softprob = {"objective": "multi:softprob", "num_class": 3}
    train("base_score_broadcast", {**softprob, "base_score": 0.7}, x, three(score), rounds=2)
    train("base_score_vector", {**softprob, "base_score": [0.1, -0.2, 1 / 3]}, x, three(score), rounds=2)


def boosters():
    x, score, rng = numbers(3)
    label = (score > 0).astype(float)
    logistic = {"objective": "binary:logistic"}
    softprob = {"objective": "multi:softprob", "num_class": 3}
    holes = x.copy()
    holes[rng.random(x.shape) < 0.15] = np.nan

    dart = {"booster": "dart", "rate_drop": 0.4, "skip_drop": 0.2}
    weighted = {**dart, "sample_type": "weighted", "normalize_type": "forest", "one_drop": 1}
    train("dart", {**logistic, **dart}, holes, label, rounds=10, endings=BOTH)
    train("dart_weighted", {**weighted, "objective": "reg:squarederror"}, x, score, rounds=10, endings=("ubj",))
    train("dart_multi", {**softprob, **weighted}, x, three(score), rounds=4)
    train("dart_forest", {**logistic, **dart, "num_parallel_tree": 2, "subsample": 0.6}, x, label, rounds=5)

    linear = {"booster": "gblinear", "eta": 0.3, "updater": "coord_descent"}
    unit = np.column_stack([np.log(x[:, 0]), x[:, 1] / 1000, x[:, 2:]]).astype(np.float32).astype(float)
    gaps = unit.copy()
    gaps[rng.random(x.shape) < 0.15] = np.nan
    train("gblinear", {**linear, "objective": "reg:squarederror"}, gaps, score, endings=BOTH)
    train("gblinear_logistic", {**linear, **logistic}, unit, label)
    train("gblinear_multi", {**linear, **softprob}, unit, three(score), endings=("ubj",))
    train("gblinear_poisson", {**linear, "objective": "count:poisson"}, unit, rng.poisson(np.exp(score / 3)))
    # Only the first element of this base score is used, for every class; so XGBoost has it.
    vector = {**linear, **softprob, "base_score": [0.5, -0.5, 0.25]}
    train("gblinear_base_vector", vector, unit, three(score))
    two = np.column_stack([score, score + 9])
    train("gblinear_targets", {**linear, "objective": "reg:squarederror"}, unit, two)
    train("gblinear_no_rounds", {**linear, **logistic, "base_score": 0.3}, unit, label, rounds=0)

    forest = {"num_parallel_tree": 4, "subsample": 0.6, "colsample_bynode": 0.7, "eta": 1}
    train("forest", {**logistic, **forest}, holes, label, rounds=1)
    train("forest_boosted", {"objective": "reg:squarederror", **forest, "eta": 0.5}, x, score, rounds=3)
    thirds = {**softprob, **forest, "num_parallel_tree": 3}
    train("forest_multi", thirds, x, three(score), rounds=2, endings=("ubj",))


def shapes():
    """Trees of unusual shape, and every way to grow them."""
    x, score, rng = numbers(4)
    label = (score > 0).astype(float)
    logistic = {"objective": "binary:logistic"}
    squares = {"objective": "reg:squarederror"}
    holes = x.copy()
    holes[rng.random(x.shape) < 0.15] = np.nan

    for method in ["exact", "approx"]:
        train(method, {**logistic, "tree_method": method}, holes, label)
    train("lossguide", {**logistic, "grow_policy": "lossguide", "max_leaves": 9, "max_depth": 0}, holes, label)
    deep = {**squares, "max_depth": 14, "min_child_weight": 0}
    train("deep", deep, x[:250], score[:250], rounds=2, endings=("ubj",))
    train("one_leaf", {**squares, "gamma": 1e9}, x, score, rounds=3)
    train("no_trees", logistic, x, label, rounds=0)
    train("no_trees_base_score", {**logistic, "base_score": 0.3}, x, label, rounds=0)
    train("one_feature", logistic, x[:, :1], label)
    train("monotone", {**squares, "monotone_constraints": "(1,0,0,-1,0)"}, x, score)
    train("interaction", {**logistic, "interaction_constraints": "[[0,1],[2,3,4]]"}, x, label)
    train("missing", logistic, holes, label)
    train("missing_alone", logistic, holes, np.isnan(holes[:, 2]).astype(float), rounds=3)
    signs = np.sign(x) * (rng.random(x.shape) < 0.7) * np.round(np.abs(x), 1)
    train("zeros", squares, signs, np.where(signs[:, 2] < 0, 3, 0) + signs[:, 3])
    train("many_bins", {**logistic, "max_bin": 1500}, x, label, endings=("ubj",))

    # The pruner leaves nodes behind that no path reaches: num_deleted says how many.
    pruned = {**squares, "tree_method": "exact", "gamma": 30, "max_depth": 5}
    train("pruned", pruned, x, score)
    first = train("pruned_later", {**squares, "max_depth": 5}, x, score, rounds=3)
    update = {**FIXED, **squares, "process_type": "update", "updater": "refresh,prune", "gamma": 60}
    save("pruned_later", xgb.train(update, matrix(x, score), 3, xgb_model=first), x, BOTH)
    refresh = {**update, "updater": "refresh", "refresh_leaf": True}
    first = train("refreshed", {**logistic}, x[:700], label[:700], rounds=3)
    save("refreshed", xgb.train({**refresh, **logistic}, matrix(x[700:], label[700:]), 3, xgb_model=first), x)

    tiny = (x * [1e-40, 1e-38, 1e-42, 1e-36, 1]).astype(np.float32).astype(float)
    train("tiny_numbers", {**squares, "tree_method": "exact"}, tiny, score)
    huge = (x * [1e30, 1e30, 1e35, 1e37, 1]).astype(np.float32).astype(float)
    train("huge_numbers", {**squares, "tree_method": "exact"}, huge, score * 1e12)
    wide = np.zeros((600, 150))
    hit = rng.random(wide.shape) < 0.03
    wide[hit] = rng.normal(size=hit.sum()).astype(np.float32)
    wide[wide == 0] = np.nan
    train("wide", {**squares, "max_depth": 5}, wide, np.nansum(wide[:, :40], axis=1), rounds=4, endings=("ubj",))


def lives():
    """What becomes of a model after its training, and what else its file says."""
    x, score, rng = numbers(5)
    label = (score > 0).astype(float)
    logistic = {"objective": "binary:logistic"}
    # predict() takes every tree, whatever best_iteration says.
    late = [(matrix(x[:400], rng.permutation(label[:400])), "late")]
    stop = {"evals": late, "early_stopping_rounds": 4, "verbose_eval": False}
    stopped = train("early_stopped", logistic, x[400:], label[400:], rounds=30, **stop)
    if stopped.best_iteration + 1 == stopped.num_boosted_rounds():
        raise SystemExit("xgboost_early_stopped: its best iteration is its last, which shows nothing")

    first = train("continued", {**logistic, "base_score": 0.4}, x[:700], label[:700], rounds=2)
    more = {**FIXED, **logistic, "max_depth": 2, "eta": 0.9}
    save("continued", xgb.train(more, matrix(x, label), 3, xgb_model=first), x)
    dropped = {**more, "booster": "dart", "rate_drop": 0.5, "one_drop": 1}
    softprob = {"objective": "multi:softprob", "num_class": 3}
    whole = train("sliced", {**softprob}, x, three(score), rounds=5)
    save("sliced", whole[1:4], x)
    whole = train("sliced_dart", {**logistic, **dropped}, x, label, rounds=6)
    save("sliced_dart", whole[2:5], x)

    names = ["amount=eur", "größe", "a.b-c/d", 'say "x", y', "tab\tand\\slash"]
    named = xgb.train({**FIXED, **logistic, "max_depth": 3}, matrix(x, label, feature_names=names), 3)
    named.set_attr(note='with "quotes", a \\ and ünïcode', scikit_learn="{}")
    save("names", named, x, BOTH)
    whole = np.abs(np.round(x[:, 3] * 3))
    counts = np.column_stack([np.round(x[:, 1]), x[:, 2] > 0, x[:, 0], whole, x[:, 4]])
    types = {"feature_types": ["int", "i", "float", "int", "q"]}
    train("types", logistic, counts.astype(np.float32), label, data=types)


def categories():
    x, score, rng = numbers(6)
    effect = rng.normal(size=100)
    narrow, wide = x.copy(), x.copy()
    narrow[:, 2] = rng.integers(0, 12, len(x))
    narrow[:, 3] = rng.integers(0, 3, len(x))
    wide[:, 2] = rng.integers(0, 100, len(x))
    wide[rng.random(len(x)) < 0.1, 2] = np.nan

    def label(rows):
        return (score + 2 * effect[np.nan_to_num(rows[:, 2]).astype(int)] > 0).astype(float)

    logistic = {"objective": "binary:logistic"}
    two, one = ({"feature_types": kinds} for kinds in (["q", "q", "c", "c", "q"], ["q", "q", "c", "q", "q"]))
    onehot = {**logistic, "max_cat_to_onehot": 50}
    partition = {**logistic, "max_cat_to_onehot": 1, "max_cat_threshold": 64}
    train("category_onehot", onehot, narrow, label(narrow), data=two)
    train("category_partition", partition, narrow, label(narrow), data=two, endings=BOTH)
    train("category_wide", partition, wide, label(wide), data=one, endings=BOTH)
    train("category_approx", {**partition, "tree_method": "approx"}, wide, label(wide), data=one)
    softprob = {"objective": "multi:softprob", "num_class": 3, "max_cat_to_onehot": 4}
    classes = three(score + effect[narrow[:, 2].astype(int)])
    train("category_multi", softprob, narrow, classes, rounds=3, data=two, endings=("ubj",))
    dart = {**partition, "booster": "dart", "rate_drop": 0.5}
    train("category_dart", dart, narrow, label(narrow), data=two)
    # 2,000 categories, of which most are seen once: sets that span many words.
    many = x.copy()
    many[:, 2] = np.floor(rng.random(len(x)) ** 2 * 2000)
    spread = rng.normal(size=2000)[many[:, 2].astype(int)]
    train("category_many", partition, many, (score + 2 * spread > 0).astype(float), rounds=2, data=one)


def frames():
    """Data frames whose categories are names or numbers: the file keeps them beside the trees, in `cats`.

    The rows of the expectations hold codes, as every other model's do.
    """
    import pandas as pd

    x, score, rng = numbers(7)
    town = rng.integers(0, 9, len(x))
    names = np.array(["Köln", "Aachen", "", "Zürich", "b,c", "Ålesund", "x", "yy", "東京"])
    effect = rng.normal(size=9)
    label = (score + 2 * effect[town] > 0).astype(float)
    for name, values in [("category_names", names), ("category_numbers", np.arange(9) * 7 - 20)]:
        frame = pd.DataFrame({f"c{i}": x[:, i] for i in range(4)})
        frame["town"] = pd.Categorical(values[town], categories=values)
        codes = np.column_stack([x[:, :4], town])
        params = {"objective": "binary:logistic", "max_cat_to_onehot": 1}
        more = {"data": {"enable_categorical": True}, "rows": codes}
        train(name, params, frame, label, endings=BOTH if name == "category_names" else ("json",), **more)


def targets():
    """Several labels a row: a tree for each, or leaves that are vectors."""
    x, score, rng = numbers(8)
    several = np.column_stack([score, x[:, 2] * 2 + 5, np.abs(score) - x[:, 3]])
    bits = (several > [0, 5, 0.5]).astype(float)
    squares, logistic = {"objective": "reg:squarederror"}, {"objective": "binary:logistic"}
    softprob = {"objective": "multi:softprob", "num_class": 3}
    holes = x.copy()
    holes[rng.random(x.shape) < 0.15] = np.nan
    vector = {"multi_strategy": "multi_output_tree"}

    train("targets", squares, x, several, rounds=3, endings=BOTH)
    train("targets_logistic", logistic, holes, bits, rounds=3)
    train("targets_base_score", {**squares, "base_score": 0.25}, x, several, rounds=2)
    train("targets_absoluteerror", {"objective": "reg:absoluteerror"}, x, several, rounds=2)
    train("targets_forest", {**squares, "num_parallel_tree": 2, "subsample": 0.6}, x, several, rounds=2)
    train("vector", {**squares, **vector}, holes, several, rounds=3, endings=BOTH)
    train("vector_logistic", {**logistic, **vector}, x, bits, rounds=3)
    train("vector_classes", {**softprob, **vector}, holes, three(score), rounds=3, endings=("ubj",))
    train("vector_forest", {**squares, **vector, "num_parallel_tree": 2, "subsample": 0.6}, x, several, rounds=2)
    # The leaves of these two are set after the tree has grown, so they are not its base_weights.
    quantiles = {**vector, "objective": "reg:quantileerror", "quantile_alpha": [0.2, 0.8]}
    train("vector_quantiles", quantiles, x, score, rounds=2)
    train("vector_absoluteerror", {**vector, "objective": "reg:absoluteerror"}, x, several, rounds=2)
    train("vector_one_leaf", {**squares, **vector, "gamma": 1e9}, x, several, rounds=2)
    lossguide = {"grow_policy": "lossguide", "max_leaves": 7}
    train("vector_lossguide", {**squares, **vector, **lossguide}, x, several, rounds=2)


def refused():
    """Files people mistake for models."""
    x, score, _ = numbers(9, n=200)
    booster = xgb.train({**FIXED, "max_depth": 2}, matrix(x, score), 2)
    write = {
        "refused_xgboost_dump.json": "[" + ",".join(booster.get_dump(dump_format="json")) + "]\n",
        "refused_xgboost_config.json": booster.save_config() + "\n",
    }
    for name, text in write.items():
        (MODELS / name).write_text(text)
    (MODELS / "refused_xgboost_pickle.pkl").write_bytes(pickle.dumps(booster, protocol=4))


def other_version():
    """What another XGBoost writes; its own predictions are the expected ones."""
    x, score, rng = numbers(10, n=800)
    x[:, 2] = rng.integers(0, 40, len(x))
    x[rng.random(x.shape) < 0.1] = np.nan
    score = score + 2 * rng.normal(size=40)[np.nan_to_num(x[:, 2]).astype(int)]
    label = (score > 0).astype(float)
    full = np.nan_to_num(x, nan=0.5)
    dashes = xgb.__version__.replace(".", "_")
    ubj = ("ubj",) if VERSION >= (1, 6) else ("json",)
    logistic = {"objective": "binary:logistic", "max_depth": 2, "tree_method": "hist"}
    softprob = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2}
    dart = {"booster": "dart", "rate_drop": 0.5, "one_drop": 1, "base_score": 0.4}

    def one(name, params, x, y, rounds=4, **more):
        train(f"{dashes}_{name}", params, x, y, rounds, **more)

    if VERSION < (1, 0):
        old = xgb.train({**logistic, **FIXED}, matrix(x, label), 2)
        old.save_model(str(MODELS / f"refused_xgboost_{dashes}.model"))
        return
    both = BOTH if VERSION >= (1, 6) else ("json",)
    one("logistic", {**logistic, "base_score": 0.3}, x, label, endings=both)
    one("softprob", softprob, x, three(score), rounds=2)
    one("dart", {**logistic, **dart}, x, label, rounds=6)
    one("forest", {**logistic, "num_parallel_tree": 3, "subsample": 0.6}, x, label, rounds=2, endings=ubj)
    linear = {"booster": "gblinear", "updater": "coord_descent", "objective": "reg:squarederror"}
    one("gblinear", linear, x, score)
    one("poisson", {"objective": "count:poisson", "max_depth": 2}, full, rng.poisson(np.exp(score / 4)))
    if VERSION < (1, 4):
        one("logitraw", {"objective": "binary:logitraw", "max_depth": 2}, x, label)
    if VERSION >= (1, 6):
        params = {**logistic, "max_cat_to_onehot": 1}
        if VERSION == (1, 6):
            params["tree_method"] = "approx"
        one("category", params, x, label, data={"feature_types": ["q", "q", "c", "q", "q"]})
    if VERSION == (1, 7):
        old = xgb.train({**logistic, **FIXED}, matrix(x, label), 2)
        old.save_model(str(MODELS / f"refused_xgboost_{dashes}.model"))
    several = np.column_stack([score, np.abs(score), label * 3])
    vector = {"objective": "reg:squarederror", "multi_strategy": "multi_output_tree", "max_depth": 2}
    if VERSION >= (2, 0):
        vector["tree_method"] = "hist"
        one("vector", vector, x, several, rounds=2, endings=ubj)
    # So close together that some of them cross, which 3.4 sorts and its predecessors leave.
    alphas = {"objective": "reg:quantileerror", "quantile_alpha": [0.47, 0.5, 0.53], "max_depth": 2}
    if VERSION >= (2, 0):
        one("quantiles", alphas, x, score, rounds=3)
    if VERSION >= (3, 3):
        alphas = {"objective": "reg:expectileerror", "expectile_alpha": [0.1, 0.5, 0.9], "max_depth": 2}
        one("expectiles", alphas, x, score, rounds=2)
    if VERSION >= (3, 4):
        one("vector_dart", {**vector, "rate_drop": 0.5, "one_drop": 1}, x, several, rounds=3)
        kinds = {"feature_types": ["q", "q", "c", "q", "q"]}
        one("vector_category", {**vector, "max_cat_to_onehot": 1}, x, several, rounds=2, data=kinds)


def main():
    MODELS.mkdir(exist_ok=True)
    if xgb.__version__ != CURRENT:
        other_version()
        return
    objectives()
    base_scores()
    boosters()
    shapes()
    lives()
    categories()
    frames()
    targets()
    refused()


if __name__ == "__main__":
    main()
