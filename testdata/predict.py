"""Prints what LightGBM itself predicts: python3 predict.py MODEL.txt ROWS.csv [--raw] > scores.csv

ROWS.csv has a header; columns are taken by the model's feature names where the header holds them
all, and by position otherwise; an empty cell is a missing value. One line of output a row, outputs
separated by commas, 17 significant digits. The integration suite compares the service with this.
"""

import csv
import sys

import lightgbm as lgb
import numpy as np


def main(model, rows, raw=False):
    booster = lgb.Booster(model_file=model)
    names = booster.feature_name()
    with open(rows, newline="") as source:
        lines = csv.reader(source)
        header = next(lines)
        if set(names) <= set(header):
            columns = [header.index(name) for name in names]
        elif len(header) == len(names):
            columns = range(len(names))
        else:
            sys.exit(f"{rows}: {len(header)} columns, and not all of {','.join(names)} among them")
        table = [[float(row[c]) if row[c] else np.nan for c in columns] for row in lines]
    scores = booster.predict(np.array(table, dtype=float).reshape(-1, len(names)), raw_score=raw, num_threads=1)
    for row in scores.reshape(len(table), -1):
        print(",".join(f"{value:.17g}" for value in row))


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--raw"]
    if len(arguments) != 2:
        sys.exit("usage: predict.py MODEL.txt ROWS.csv [--raw]")
    main(*arguments, raw="--raw" in sys.argv)
