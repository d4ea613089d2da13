#!/usr/bin/env python3
"""Prints the models' figures in the tuning and the test hospital, as Markdown.

usage: table.py OUT
"""

import json
import sys
from pathlib import Path


def main():
    out = Path(sys.argv[1])
    tune, test, joined = (models(out / name) for name in ("Radboud", "Maastro", "joined"))
    chosen = max(tune, key=lambda name: tune[name]["value"])
    print("Dead at two years, AUC (95 % interval); fitted on HarvardRT:\n")
    print("| model | Radboud (tuning) | Maastro (test) |")
    print("|---|---|---|")
    for name in tune:
        mark = " (chosen in Radboud)" if name == chosen else ""
        print(f"| {name}{mark} | {shown(tune[name])} | {shown(test[name])} |")
    print("| published 3D CNN | – | 0.70 (0.63 to 0.78) |")
    print("\nMaastro's patients with a clinical table, 5-fold cross-validation on their follow-up:\n")
    print("| model | C (95 % interval) |")
    print("|---|---|")
    for name, c in joined.items():
        print(f"| {name} | {shown(c)} |")


def models(folder):
    evaluation = json.loads((folder / "evaluation" / "evaluation.json").read_text())
    return {model["name"]: model["c_index"] for model in evaluation["models"]}


def shown(c):
    return f"{c['value']:.3f} ({c['low']:.3f} to {c['high']:.3f})"


if __name__ == "__main__":
    main()
