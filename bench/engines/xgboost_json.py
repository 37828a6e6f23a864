"""Writes a LightGBM model of numeric splits in XGBoost's JSON format, tree for tree, so that both
libraries score the same forest.

After src/learner.cc, src/gbm/gbtree_model.cc and src/tree/io_utils.h of XGBoost 3. XGBoost compares
float32 and goes left when x < condition, LightGBM when x <= threshold: the condition is the float32
next above the threshold. Leaves are rounded to float32.
"""

from __future__ import annotations

import json
from typing import Any

from models import floor32, header, step32, trees

NO_PARENT = 2147483647
DEFAULT_LEFT, MISSING_TYPE, MISSING_NAN = 2, 12, 8  # Of LightGBM's decision_type.


def transcode(text: str) -> str:
    features = int(header(text)["max_feature_idx"]) + 1
    converted = [tree(number, fields, features) for number, fields in enumerate(trees(text))]
    n = len(converted)
    model = {
        "gbtree_model_param": {"num_trees": str(n), "num_parallel_tree": "1"},
        "iteration_indptr": list(range(n + 1)),
        "tree_info": [0] * n,
        "trees": converted,
    }
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"name": "gbtree", "model": model},
        "learner_model_param": {
            "base_score": "5E-1",
            "boost_from_average": "0",
            "num_class": "0",
            "num_feature": str(features),
            "num_target": "1",
        },
        "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
    }
    return json.dumps({"version": [3, 2, 0], "learner": learner})


def tree(number: int, fields: dict[str, str], features: int) -> dict[str, Any]:
    """One tree. Its nodes are numbered anew from the root down: XGBoost finds the right child as the one
    after the left."""
    left, right, split, decision = (
        [int(v) for v in fields[key].split()] for key in ("left_child", "right_child", "split_feature", "decision_type")
    )
    thresholds = [float(v) for v in fields["threshold"].split()]
    leaves = [float(v) for v in fields["leaf_value"].split()]
    n = len(left) + len(leaves)
    lefts, rights, parents = [-1] * n, [-1] * n, [NO_PARENT] * n
    indices, conditions, defaults = [0] * n, [0.0] * n, [0] * n
    order = [0 if left else ~0]  # LightGBM's number of each node; leaves are the complement of theirs.
    for at in range(n):
        node = order[at]
        if node < 0:
            conditions[at] = leaves[~node]
            continue
        lefts[at], rights[at] = len(order), len(order) + 1
        parents[lefts[at]] = parents[rights[at]] = at
        order += [left[node], right[node]]
        indices[at] = split[node]
        conditions[at] = step32(floor32(thresholds[node]), 1)
        defaults[at] = default_left(decision[node], thresholds[node])
    return {
        "id": number,
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(features),
            "num_nodes": str(n),
            "size_leaf_vector": "1",
        },
        "left_children": lefts,
        "right_children": rights,
        "parents": parents,
        "split_indices": indices,
        "split_conditions": conditions,
        "default_left": defaults,
        "split_type": [0] * n,
        "base_weights": [0.0] * n,
        "loss_changes": [0.0] * n,
        "sum_hessian": [1.0] * n,
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
    }


def default_left(decision: int, threshold: float) -> int:
    """Where a missing value goes. Without a missing type it is a zero to LightGBM."""
    if decision & MISSING_TYPE == MISSING_NAN:
        return int(decision & DEFAULT_LEFT != 0)
    if decision == 0 or decision == DEFAULT_LEFT:
        return int(threshold >= 0)
    raise ValueError(f"decision_type {decision} has no like in XGBoost")
