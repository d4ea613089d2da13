"""Writes core_competing.json: figures of a made-up cohort with competing risks.

Run as: python core_competing.py  (pip install hazardous scikit-survival lifelines)
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from hazardous.metrics import brier_score_incidence, concordance_index_incidence
from lifelines import CoxPHFitter
from scipy.linalg import expm
from sksurv.nonparametric import cumulative_incidence_competing_risks

PATIENTS = 160
TIMES = [200.0, 500.0, 900.0]
PROFILES = [[0.0, 0.0], [1.2, -0.7], [-0.8, 1.5]]


def cohort(rng):
    """Continuous times: programs differ in what they do with censorings at the time of an event."""
    x = rng.normal(size=(PATIENTS, 2)).round(3)
    first = rng.exponential(900 / np.exp(0.8 * x[:, 0] - 0.4 * x[:, 1]))
    second = rng.exponential(1500 / np.exp(0.6 * x[:, 1]))
    left = rng.uniform(100, 2500, PATIENTS)
    time = np.minimum(np.minimum(first, second), left).round(4) + 1
    cause = np.where(left < np.minimum(first, second), 0, np.where(first < second, 1, 2))
    assert len(np.unique(time)) == PATIENTS
    return x, time, cause


def multi_state(x, time, cause):
    """Incidence of both causes by the matrix exponentials of two Cox models, as R's survfit does."""
    fitters = []
    for own in (1, 2):
        frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "time": time, "event": cause == own})
        fitter = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-12})
        fitters.append(fitter)
    grid = np.unique(time)
    result = []
    for profile in PROFILES:
        hazards = [
            fitter.predict_cumulative_hazard(pd.DataFrame([profile], columns=["a", "b"]), grid)
            .to_numpy()[:, 0]
            for fitter in fitters
        ]
        state, incidence, place = np.array([1.0, 0.0, 0.0]), [], 0
        for day in TIMES:
            while place < len(grid) and grid[place] <= day:
                rise = [h[place] - (h[place - 1] if place else 0.0) for h in hazards]
                generator = np.zeros((3, 3))
                generator[0] = [-sum(rise), *rise]
                state = state @ expm(generator)
                place += 1
            incidence.append(state[1:].tolist())
        result.append(incidence)
    return [fitter.params_.tolist() for fitter in fitters], result


def main():
    rng = np.random.default_rng(11)
    x, time, cause = cohort(rng)
    predicted = np.clip(
        rng.uniform(0.05, 0.2, (PATIENTS, 1))
        + np.outer(1 / (1 + np.exp(-x[:, 0])), [0.2, 0.45, 0.7]),
        0,
        1,
    ).round(2)
    y = pd.DataFrame({"event": cause, "duration": time})
    grid, curves = cumulative_incidence_competing_risks(cause, time)
    coefficients, incidence = multi_state(x, time, cause)
    packages = ["hazardous", "scikit-survival", "lifelines", "numpy", "pandas", "scipy"]
    golden = {
        "made_by": "core_competing.py, " + ", ".join(f"{p} {version(p)}" for p in packages),
        "x": x.tolist(),
        "time": time.tolist(),
        "cause": cause.tolist(),
        "times": TIMES,
        "predicted": predicted.tolist(),
        "brier": brier_score_incidence(y, y, predicted, np.array(TIMES), 1).tolist(),
        # Without taus it ranks by the incidence at the last follow-up, interpolated past the grid.
        "wolbers": concordance_index_incidence(
            y,
            predicted[:, [2, 2]],
            ipcw_estimator=None,
            time_grid=np.array([0.0, 1e6]),
        ).tolist(),
        "aalen_johansen": {"time": grid.tolist(), "incidence": curves[1].tolist()},
        "profiles": PROFILES,
        "coefficients": coefficients,
        "incidence": incidence,
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
