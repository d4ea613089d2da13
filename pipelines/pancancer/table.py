#!/usr/bin/env python3
"""Prints our models' figures on the test patients beside the published ones, as Markdown.

usage: table.py EVALUATION_JSON
"""

import json
import sys
from pathlib import Path

# C on the same test split, clinical data alone: table-multisurv_evaluation of MultiSurv's repository.
PUBLISHED = {
    "published Cox PH": 0.796,
    "published random survival forest": 0.764,
    "published DeepSurv": 0.792,
    "published CoxTime": 0.789,
    "published DeepHit": 0.798,
    "published MTLR": 0.801,
    "published Nnet-survival": 0.805,
}


def main():
    evaluation = json.loads(Path(sys.argv[1]).read_text())
    print(f"{evaluation['patients']} test patients, {evaluation['events']} deaths\n")
    print("| model | C (95 % interval) | integrated Brier score |")
    print("|---|---|---|")
    for model in evaluation["models"]:
        c, ibs = model["c_index"], model["ibs"]
        ibs = "–" if ibs is None else f"{ibs:.3f}"
        print(f"| {model['name']} | {c['value']:.3f} ({c['low']:.3f} to {c['high']:.3f}) | {ibs} |")
    for name, c in PUBLISHED.items():
        print(f"| {name} | {c:.3f} | – |")


if __name__ == "__main__":
    main()
