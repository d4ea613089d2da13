"""Writes core_statistics.json: a made-up cohort, and its statistics by independent programs.

Run as: python core_statistics.py  (pip install scikit-survival lifelines dcurves numba; pip download
--no-deps pycox, whose evaluation/concordance.py is read from the wheel given as the only argument).
Then core_statistics.R adds what R finds in the same cohort.
"""

import json
import sys
import types
import warnings
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from dcurves import dca
from lifelines import AalenJohansenFitter, CoxPHFitter, KaplanMeierFitter, NelsonAalenFitter
from lifelines.utils import restricted_mean_survival_time
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.util import Surv

PATIENTS = 150
HORIZON = 500.0


def cohort(rng):
    x = rng.normal(size=(PATIENTS, 3)).round(3)
    hazard = np.exp(0.8 * x[:, 0] - 0.5 * x[:, 1])
    death = rng.exponential(900 / hazard)
    other = rng.exponential(2500, PATIENTS)
    left = rng.uniform(100, 2500, PATIENTS)
    exact = np.minimum(np.minimum(death, other), left).round(3) + 1
    time = np.ceil(exact / 20) * 20
    cause = np.where(left < np.minimum(death, other), 0, np.where(death < other, 1, 2))
    risk = [(0.8 * x[:, 0] + scale * rng.normal(size=PATIENTS)).round(1) for scale in (0.4, 1.0)]
    survival = [np.exp(-0.5 * np.exp(0.9 * one)).round(4) for one in risk]
    return {
        "x": x.tolist(),
        "time": time.tolist(),
        "event": (cause == 1).tolist(),
        "cause": cause.tolist(),
        "exact": exact.tolist(),
        "entry": np.maximum(0, (time * rng.uniform(-0.5, 0.9, PATIENTS) / 20).round() * 20 - 10).tolist(),
        "group": rng.integers(0, 3, PATIENTS).tolist(),
        "stratum": rng.integers(0, 2, PATIENTS).tolist(),
        "risk": [one.tolist() for one in risk],
        "survival": [one.tolist() for one in survival],
        "horizon": HORIZON,
        "tau": 1000.0,
    }


def pycox_concordance(wheel):
    """pycox imports torch as a whole; its concordance needs numpy and numba alone."""
    module = types.ModuleType("concordance")
    source = zipfile.ZipFile(wheel).read("pycox/evaluation/concordance.py")
    exec(compile(source, "concordance.py", "exec"), module.__dict__)
    return module.concordance_td


def antolini(rng, data, concordance_td):
    """Curves that cross, without equal values: pycox counts equal ones as wrong, we as half."""
    times = np.arange(100.0, 2600.0, 100.0)
    shape = rng.uniform(0.5, 2.0, PATIENTS)
    curves = np.exp(-np.outer(np.exp(np.array(data["risk"][0]) + rng.normal(size=PATIENTS)), np.ones(25))
                    * (times / 1500) ** shape[:, None])
    time = np.array(data["time"])
    keep = time >= times[0]
    index = np.searchsorted(times, time[keep], side="right") - 1
    event = np.array(data["event"])[keep]
    return {
        "times": times.tolist(),
        "rows": np.flatnonzero(keep).tolist(),
        "survival": curves[keep].tolist(),
        "c": concordance_td(time[keep], event, curves[keep].T, index, "antolini"),
    }


def elastic_net(rng, patients, columns, l1_ratio, factors):
    x = rng.normal(size=(patients, columns)).round(3)
    hazard = np.exp(x[:, 0] - x[:, 1] + 0.5 * x[:, 2])
    death, left = rng.exponential(900 / hazard), rng.uniform(100, 2500, patients)
    time, event = np.ceil(np.minimum(death, left) / 30) * 30, death <= left
    path = {"l1_ratio": l1_ratio, "penalty_factor": factors, "tol": 1e-15, "max_iter": 10_000_000}
    model = CoxnetSurvivalAnalysis(n_alphas=8, alpha_min_ratio=0.05, **path)
    model.fit(x, Surv.from_arrays(event, time))
    return {
        "x": x.tolist(),
        "time": time.tolist(),
        "event": event.tolist(),
        "l1_ratio": l1_ratio,
        "factors": None if factors is None else factors.tolist(),
        "penalties": model.alphas_.tolist(),
        "coefficients": model.coef_.T.tolist(),
    }


def smooth_calibration(data):
    """Austin, Harrell and van Klaveren 2020, with lifelines' Cox model."""
    survival = np.array(data["survival"][0])
    value = np.log(-np.log(survival))
    a, b, c = np.quantile(value, [0.1, 0.5, 0.9])
    cube = lambda knot: np.maximum(value - knot, 0) ** 3
    bent = (cube(a) - cube(b) * (c - a) / (c - b) + cube(c) * (b - a) / (c - b)) / (c - a) ** 2
    frame = pd.DataFrame({"value": value, "bent": bent, "time": data["time"], "event": data["event"]})
    model = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-12})
    observed = model.predict_survival_function(frame, times=[HORIZON]).iloc[0].to_numpy()
    apart = np.abs(observed - survival)
    return {
        "observed": observed.tolist(),
        "distances": [apart.mean(), np.median(apart), np.quantile(apart, 0.9), apart.max()],
    }


def reclassification(data, cutoffs):
    """Pencina et al. 2011, by Kaplan and Meier among those moved up and down."""
    old, new = (1 - np.array(one) for one in reversed(data["survival"]))
    if cutoffs:
        old, new = (np.searchsorted(cutoffs, one, side="right") for one in (old, new))
    time, event = np.array(data["time"]), np.array(data["event"])
    died = lambda rows: 1 - KaplanMeierFitter().fit(time[rows], event[rows]).predict(HORIZON)
    everybody = died(np.full(PATIENTS, True))
    (up, down), (up_died, down_died) = ((f(new > old), f(new < old)) for f in (np.mean, died))
    return [
        (up_died * up - down_died * down) / everybody,
        ((1 - down_died) * down - (1 - up_died) * up) / (1 - everybody),
    ]


def decision_curve(data):
    frame = pd.DataFrame({"model": 1 - np.array(data["survival"][0]), "time": data["time"], "event": data["event"]})
    thresholds = [0.1, 0.25, 0.4, 0.5, 0.6]
    result = dca(frame, outcome="event", time_to_outcome_col="time", time=HORIZON, modelnames=["model"], thresholds=thresholds)
    of = lambda name: result[result.model == name].sort_values("threshold").net_benefit.tolist()
    return {"thresholds": thresholds, "model": of("model"), "all": of("all")}


def classes(rng):
    labels = rng.integers(0, 4, 60) % 3
    scores = rng.gamma(1 + 2 * np.eye(3)[labels]).round(1) + 0.1
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    found = probabilities.argmax(axis=1)
    return {
        "labels": labels.tolist(),
        "probabilities": probabilities.tolist(),
        "auc_macro": roc_auc_score(labels, probabilities, multi_class="ovr"),
        "auc_weighted": roc_auc_score(labels, probabilities, multi_class="ovr", average="weighted"),
        "f1": f1_score(labels, found, average=None).tolist(),
        "f1_macro": f1_score(labels, found, average="macro"),
        "f1_weighted": f1_score(labels, found, average="weighted"),
        "confusion": confusion_matrix(labels, found).tolist(),
    }


def numbers(values):
    """Before the first event there is no interval: null."""
    return [None if np.isnan(value) else float(value) for value in np.ravel(values)]


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(20240502)
    data = cohort(rng)
    hazard = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(data["time"], data["event"])
    late = KaplanMeierFitter().fit(data["time"], data["event"], entry=data["entry"])
    curve = KaplanMeierFitter().fit(data["time"], data["event"])
    incidence = AalenJohansenFitter().fit(np.array(data["exact"]), np.array(data["cause"]), 1)
    factors = np.r_[0.0, 2.0, np.ones(38)]
    packages = ("scikit-survival", "lifelines", "scikit-learn", "dcurves", "numpy", "pandas")
    golden = {
        "made_by": "core_statistics.py, " + ", ".join(f"{name} {version(name)}" for name in packages)
        + f", {Path(sys.argv[1]).stem.rsplit('-py3', 1)[0]}",
        "cohort": data,
        "nelson_aalen": {
            "time": hazard.cumulative_hazard_.index[1:].tolist(),
            "hazard": hazard.cumulative_hazard_.iloc[1:, 0].tolist(),
        },
        "late_survival": [float(late.predict(time)) for time in (200.0, 500.0, 1000.0)],
        "restricted_mean": float(restricted_mean_survival_time(curve, t=1000.0)),
        "aalen_johansen": {
            "time": incidence.cumulative_density_.index[1:].tolist(),
            "incidence": incidence.cumulative_density_.iloc[1:, 0].tolist(),
            "variance": numbers(incidence.variance_.iloc[1:]),
        },
        "antolini": antolini(rng, data, pycox_concordance(sys.argv[1])),
        "elastic_net": [
            elastic_net(rng, 60, 40, 0.5, None),
            elastic_net(rng, 40, 100, 1.0, None),
            elastic_net(rng, 60, 40, 0.2, factors),
        ],
        "smooth_calibration": smooth_calibration(data),
        "reclassification": [reclassification(data, []), reclassification(data, [0.3, 0.6])],
        "decision_curve": decision_curve(data),
        "classes": classes(rng),
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":"), allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
