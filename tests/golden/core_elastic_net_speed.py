"""Times a path of 100 elastic-net penalties beside scikit-survival, on 500 patients x 3,000 columns.

Run as: python core_elastic_net_speed.py PROGRAM  (pip install scikit-survival), where PROGRAM is
the release build of the example: cargo build -p oncoweave-core --release --example elastic_net_path
Prints the best of three runs of each, and how far the coefficients are apart.
"""

import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.util import Surv

PATIENTS, COLUMNS, RUNS = 500, 3000, 3


def cohort(rng):
    """Twenty columns carry the hazard; about half of the patients are censored, days are tied."""
    x = rng.normal(size=(PATIENTS, COLUMNS))
    log_hazard = x[:, :20] @ np.r_[np.ones(10), -np.ones(10)] * 0.3
    death = np.ceil(1000 * rng.exponential(size=PATIENTS) / np.exp(log_hazard))
    left = np.ceil(rng.uniform(100, 3000, PATIENTS))
    return x, np.minimum(death, left), death <= left


def main():
    program = sys.argv[1]
    x, days, event = cohort(np.random.default_rng(1))
    print(f"scikit-survival {version('scikit-survival')}, numpy {version('numpy')}")
    for l1_ratio in (1.0, 0.5):
        peer_seconds = []
        for _ in range(RUNS):
            start = time.perf_counter()
            peer = CoxnetSurvivalAnalysis(l1_ratio=l1_ratio, n_alphas=100, alpha_min_ratio=0.01)
            peer.fit(x, Surv.from_arrays(event, days))
            peer_seconds.append(time.perf_counter() - start)
        # The peer's default tolerance stops early; this is what it converges to.
        exact = CoxnetSurvivalAnalysis(
            l1_ratio=l1_ratio, alphas=peer.alphas_, tol=1e-14, max_iter=10_000_000
        ).fit(x, Surv.from_arrays(event, days))
        with tempfile.TemporaryDirectory() as folder:
            for name, values in (
                ("x", x), ("time", days), ("event", event), ("penalties", peer.alphas_)
            ):
                np.ascontiguousarray(values, dtype="<f8").tofile(Path(folder, f"{name}.f64"))
            command = [program, folder, str(l1_ratio)]
            ours_seconds = [float(subprocess.check_output(command)) for _ in range(RUNS)]
            ours = np.fromfile(Path(folder, "coefficients.f64"), dtype="<f8").reshape(-1, COLUMNS).T
        print(
            f"l1_ratio {l1_ratio}: scikit-survival {min(peer_seconds):.2f} s, "
            f"ours {min(ours_seconds):.2f} s, {min(peer_seconds) / min(ours_seconds):.1f} times as fast; "
            f"coefficients within {np.abs(ours - exact.coef_).max():.1e} of the converged peer "
            f"(the peer by default: {np.abs(peer.coef_ - exact.coef_).max():.1e})"
        )


if __name__ == "__main__":
    main()
