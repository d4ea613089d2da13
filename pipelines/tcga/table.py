#!/usr/bin/env python3
"""Prints the table of the five cohorts, ours beside the published networks, as Markdown.

usage: table.py OUT PUBLISHED_FOLDER

Exits with 1 when a published C recomputed from its predictions differs from the authors' own table
in the fourth digit.
"""

import csv
import json
import sys
from pathlib import Path

COHORTS = ["blca", "brca", "gbmlgg", "luad", "ucec"]


def main():
    out, published = Path(sys.argv[1]), Path(sys.argv[2])
    recomputed = mean_over_folds(json.loads((out / "published.json").read_text()))
    differing = compare_with_authors(recomputed, published)
    print("C, the mean over held-out folds, with 95 % bootstrap intervals over patients within folds:\n")
    print("| model | " + " | ".join(cohort.upper() for cohort in COHORTS) + " | mean |")
    print("|---" * (len(COHORTS) + 2) + "|")
    ours = our_rows(out)
    for name, row in ours.items():
        print_row(name, row)
    for name in ("MCATsm_nll_surv_a0.0_5foldcv_gc32_concat", "SNNsm_nll_surv_a0.0_reg1e-04_5foldcv_gc32_sig"):
        published_row = {cohort: {"value": value} for cohort, value in recomputed[name].items()}
        print_row("published " + name.split("sm_")[0], published_row)
    print("\nFusion less the single modality whose models have the highest C, paired on the same resamples:\n")
    for cohort, (part, c) in best_parts(out, ours).items():
        print(f"- {cohort.upper()}: {shown(c)}, {part}")
    print(f"\n{len(recomputed)} published models x {len(COHORTS)} cohorts recomputed, {differing} differ from the authors' table at 4 digits")
    sys.exit(differing > 0)


def mean_over_folds(groups):
    folds = {}
    for group in groups:
        folds.setdefault((group["model"], group["cohort"]), []).append(group["c_index"])
    means = {}
    for (model, cohort), values in folds.items():
        means.setdefault(model, {})[cohort] = sum(values) / len(values)
    return means


def compare_with_authors(recomputed, published):
    differing = 0
    for model, cohorts in recomputed.items():
        with open(published / f"cindex_{model}.csv", newline="") as table:
            authors = {row["Project"]: float(row["Val C-Index (Mean)"]) for row in csv.DictReader(table)}
        for cohort, value in cohorts.items():
            if cohort in authors and round(value, 4) != round(authors[cohort], 4):
                differing += 1
                print(f"{model} {cohort}: authors {authors[cohort]:.6f}, recomputed {value:.6f}", file=sys.stderr)
    return differing


def our_rows(out):
    rows = {}
    for cohort in COHORTS:
        for model in evaluated(out, cohort)["models"]:
            rows.setdefault(model["name"], {})[cohort] = model["c_index"]
    return rows


def best_parts(out, ours):
    best = {}
    for cohort in COHORTS:
        parts = {name: row[cohort]["value"] for name, row in ours.items() if name.endswith(" alone") and cohort in row}
        part = max(parts, key=parts.get)
        for pair in evaluated(out, cohort)["comparisons"]:
            if (pair["a"], pair["b"]) == ("fusion", part):
                best[cohort] = part, {"value": pair["delta_c_index"], "low": pair["low"], "high": pair["high"]}
    return best


def evaluated(out, cohort):
    return json.loads((out / cohort / "evaluation" / "evaluation.json").read_text())


def print_row(name, row):
    cells = [row.get(cohort) for cohort in COHORTS]
    mean = "–"
    if all(cells):
        mean = f"{sum(cell['value'] for cell in cells) / len(cells):.3f}"
    print(f"| {name} | " + " | ".join(shown(cell) for cell in cells) + f" | {mean} |")


def shown(c):
    if c is None:
        return "–"
    return f"{c['value']:.3f}" + (f" ({c['low']:.3f} to {c['high']:.3f})" if "low" in c else "")


if __name__ == "__main__":
    main()
