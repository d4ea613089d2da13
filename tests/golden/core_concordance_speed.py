"""Times Harrell's C, Uno's C and AUC(t) beside scikit-survival and lifelines; prints a Markdown table.

Run as: scripts/bench_concordance, which builds the program and calls
python core_concordance_speed.py PROGRAM  (pip install scikit-survival lifelines), where PROGRAM is
the release build of the example concordance_million of oncoweave-core.

Times are in seconds, the best of three or of as many as end within ten seconds. scikit-survival's C,
whose time grows with the square of the patients, is not asked for a million.
"""

import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np
from lifelines.utils import concordance_index
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc
from sksurv.util import Surv

SIZES = (10_000, 100_000, 1_000_000)
QUADRATIC = 100_000
COLUMNS = (
    "patients", "Harrell's C", "scikit-survival", "lifelines", "Uno's C", "scikit-survival", "AUC(t)",
    "scikit-survival",
)


def seconds(statistic):
    times = []
    while len(times) < 3 and sum(times) < 10:
        start = time.perf_counter()
        statistic()
        times.append(time.perf_counter() - start)
    return min(times)


def ours(program):
    """Seconds by number of patients: Harrell's C, Uno's C and AUC(t)."""
    lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [line.replace(" s", "").split() for line in lines[1:]]
    return {int(row[0]): [float(row[place]) for place in (1, 3, 4)] for row in rows}


def peers(patients):
    """The same of scikit-survival, with lifelines' Harrell's C last."""
    rng = np.random.default_rng(1)
    days = rng.integers(0, 3650, patients).astype(float)
    event = rng.random(patients) < 0.7
    # scikit-survival refuses a censoring curve that falls to 0.
    event[days == days.max()] = True
    risk = ((rng.integers(0, 10_000, patients) - days) / 10).round() / 1000
    outcome = Surv.from_arrays(event, days)
    small = patients <= QUADRATIC
    return [
        seconds(lambda: concordance_index_censored(event, days, risk)) if small else None,
        seconds(lambda: concordance_index_ipcw(outcome, outcome, risk, tau=3000.0)) if small else None,
        seconds(lambda: cumulative_dynamic_auc(outcome, outcome, risk, [1000.0])),
        seconds(lambda: concordance_index(days, -risk, event)),
    ]


def main():
    print(f"scikit-survival {version('scikit-survival')}, lifelines {version('lifelines')}; seconds\n")
    found = ours(sys.argv[1])
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    for patients in SIZES:
        harrell, uno, auc, lifelines = peers(patients)
        own = found[patients]
        cells = (own[0], harrell, lifelines, own[1], uno, own[2], auc)
        text = ["–" if cell is None else f"{cell:.2g}" if cell < 10 else f"{cell:.0f}" for cell in cells]
        print(f"| {patients:,} | " + " | ".join(text) + " |", flush=True)


if __name__ == "__main__":
    main()
