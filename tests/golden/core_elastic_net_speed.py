"""Times a path of 100 elastic-net penalties beside scikit-survival, on 500 patients x 3,000 columns.

Run as: python core_elastic_net_speed.py PROGRAM  (pip install scikit-survival), where PROGRAM is
the release build of the example: cargo build -p oncoweave-core --release --example elastic_net_path
Prints processor seconds, and how far each is from the minimum: the largest departure of a slope from
what the penalty allows, as a share of the penalty. scikit-survival's default tolerance of 1e-7 stops
far from it, so it is asked for smaller ones too; with 1e-11 it takes about a minute.
"""

import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.util import Surv

PATIENTS, COLUMNS = 500, 3000
TOLERANCES = {1.0: (1e-7, 1e-9), 0.5: (1e-7, 1e-9, 1e-11)}


def cohort(rng):
    """Twenty columns carry the hazard; about half of the patients are censored, days are tied."""
    x = rng.normal(size=(PATIENTS, COLUMNS))
    log_hazard = x[:, :20] @ np.r_[np.ones(10), -np.ones(10)] * 0.3
    death = np.ceil(1000 * rng.exponential(size=PATIENTS) / np.exp(log_hazard))
    left = np.ceil(rng.uniform(100, 3000, PATIENTS))
    return x, np.minimum(death, left), death <= left


def violation(data, l1_ratio, penalties, coefficients):
    """By the definition, with Breslow's ties: the largest over the path."""
    x, days, event = data
    at_risk = days[None, :] >= days[event][:, None]  # (events, patients)
    worst = 0.0
    for penalty, b in zip(penalties, coefficients.T):
        hazard = np.exp(x @ b)
        expected = hazard * (at_risk / (at_risk @ hazard)[:, None]).sum(axis=0)
        slope = x.T @ (event - expected) / PATIENTS
        allowed = penalty * (l1_ratio * np.sign(b) + (1 - l1_ratio) * b)
        apart = np.where(b == 0, np.abs(slope) - penalty * l1_ratio, np.abs(slope - allowed))
        worst = max(worst, apart.max() / penalty)
    return worst


def ours(program, data, l1_ratio, penalties):
    with tempfile.TemporaryDirectory() as folder:
        for name, values in zip(("x", "time", "event", "penalties"), (*data, penalties)):
            np.ascontiguousarray(values, dtype="<f8").tofile(Path(folder, f"{name}.f64"))
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.check_output([program, folder, str(l1_ratio)])
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        return seconds, np.fromfile(Path(folder, "coefficients.f64"), dtype="<f8").reshape(-1, COLUMNS).T


def main():
    data = cohort(np.random.default_rng(1))
    print(f"scikit-survival {version('scikit-survival')}, numpy {version('numpy')}")
    for l1_ratio, tolerances in TOLERANCES.items():
        found = None
        for tolerance in tolerances:
            net = CoxnetSurvivalAnalysis(
                l1_ratio=l1_ratio, n_alphas=100, alpha_min_ratio=0.01, tol=tolerance, max_iter=10**8
            )
            start = time.process_time()
            net.fit(data[0], Surv.from_arrays(data[2], data[1]))
            seconds = time.process_time() - start
            if found is None:
                our_seconds, found = ours(sys.argv[1], data, l1_ratio, net.alphas_)
                off = violation(data, l1_ratio, net.alphas_, found)
                print(f"l1_ratio {l1_ratio}: ours {our_seconds:.2f} s, off by {off:.1e}")
            off = violation(data, l1_ratio, net.alphas_, net.coef_)
            print(
                f"  scikit-survival, tolerance {tolerance:.0e}: {seconds:.2f} s, off by {off:.1e}, "
                f"coefficients within {np.abs(found - net.coef_).max():.1e} of ours",
                flush=True,
            )


if __name__ == "__main__":
    main()
