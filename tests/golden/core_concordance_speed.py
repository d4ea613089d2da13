"""Times Harrell's C, Uno's C and AUC(t) of scikit-survival and lifelines beside ours.

Run as: python core_concordance_speed.py PROGRAM  (pip install scikit-survival lifelines), where
PROGRAM is the release build of the example:
cargo build -p oncoweave-core --release --example concordance_million
Peers whose time grows with the square of the patients are not asked for a million.
"""

import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np
from lifelines.utils import concordance_index
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc
from sksurv.util import Surv

QUADRATIC = 10_000


def seconds(statistic):
    start = time.perf_counter()
    statistic()
    return time.perf_counter() - start


def main():
    print(f"scikit-survival {version('scikit-survival')}, lifelines {version('lifelines')}")
    for patients in (10_000, 100_000, 1_000_000):
        rng = np.random.default_rng(1)
        days = rng.integers(0, 3650, patients).astype(float)
        event = rng.random(patients) < 0.7
        # scikit-survival refuses a censoring curve that falls to 0.
        event[days == days.max()] = True
        risk = ((rng.integers(0, 10_000, patients) - days) / 10).round() / 1000
        outcome = Surv.from_arrays(event, days)
        cells = {"lifelines Harrell": seconds(lambda: concordance_index(days, -risk, event))}
        if patients <= QUADRATIC:
            cells["scikit-survival Harrell"] = seconds(lambda: concordance_index_censored(event, days, risk))
            cells["scikit-survival Uno"] = seconds(lambda: concordance_index_ipcw(outcome, outcome, risk, tau=3000.0))
        cells["scikit-survival AUC(t)"] = seconds(lambda: cumulative_dynamic_auc(outcome, outcome, risk, [1000.0]))
        print(f"{patients:>9} " + ", ".join(f"{name} {time:.3f} s" for name, time in cells.items()), flush=True)
    print(subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
