"""Writes core_evaluation.json: what evaluations report, by independent programs.

Run as: python core_evaluation.py  (pip install scikit-survival lifelines statsmodels comprisk
reclassification). The patients are those of core_survival.json, core_statistics.json and
core_competing.json.
"""

import json
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from comprisk.evaluation import score_cr
from lifelines import CoxPHFitter
from reclassification.reclassification import calculate_nri
from sklearn.metrics import precision_recall_fscore_support, recall_score, roc_auc_score
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import survdiff

FOLDER = Path(__file__).parent
PRECISE = {"precision": 1e-12}


def read(name):
    return json.loads((FOLDER / name).read_text())


def breslow(case, penalty):
    """scikit-survival's coefficients; without a penalty statsmodels' standard errors."""
    x, time, event = (np.array(case[name]) for name in ("x", "time", "event"))
    model = CoxPHSurvivalAnalysis(alpha=penalty, ties="breslow", tol=1e-14, n_iter=500)
    model.fit(x, Surv.from_arrays(event, time))
    found = {"penalty": penalty, "coefficients": model.coef_.tolist()}
    if penalty == 0:
        fit = PHReg(time, x, status=event.astype(int), ties="breslow").fit(disp=0)
        found |= {"log_likelihood": float(fit.llf), "errors": fit.bse.tolist()}
    return found


def stratified(data):
    """lifelines with strata: Efron's ties, coefficients and their standard errors."""
    frame = pd.DataFrame(data["x"], columns=["a", "b", "c"])
    frame = frame.assign(time=data["time"], event=data["event"], stratum=data["stratum"])
    model = CoxPHFitter().fit(frame, "time", "event", strata=["stratum"], fit_options=PRECISE)
    return {
        "coefficients": model.params_.tolist(),
        "errors": model.standard_errors_.tolist(),
        "log_likelihood": float(model.log_likelihood_),
    }


def trend(data):
    """The stratified trend test by its definition, and for two groups statsmodels' log-rank test."""
    time, event, group, stratum = (np.array(data[name]) for name in ("time", "event", "group", "stratum"))
    difference, variance = 0.0, 0.0
    for one in np.unique(stratum):
        for day in np.unique(time[event & (stratum == one)]):
            at_risk = group[(time >= day) & (stratum == one)].astype(float)
            now = (time == day) & event & (stratum == one)
            n, d = len(at_risk), now.sum()
            difference += group[now].sum() - d * at_risk.mean()
            if n > 1:
                # Drawing d of n without putting back.
                variance += d * (n - d) / (n - 1) * at_risk.var()
    two = survdiff(time, event.astype(int), (group > 0).astype(int), strata=stratum)
    return {"three": float(difference**2 / variance), "two": [float(value) for value in two]}


def recalibration(data):
    """Events by the horizon: lifelines' Cox model of ln(-ln S), and Breslow's hazard of slope 1."""
    horizon = data["horizon"]
    time, event = np.array(data["time"]), np.array(data["event"]) & (np.array(data["time"]) <= horizon)
    time = np.minimum(time, horizon)
    value = np.log(-np.log(np.array(data["survival"][0])))
    frame = pd.DataFrame({"value": value, "time": time, "event": event})
    model = CoxPHFitter().fit(frame, "time", "event", fit_options=PRECISE)
    days = [100.0, 300.0, horizon]
    curves = model.predict_survival_function(frame[:5], times=days)
    jumps = [((time == day) & event).sum() / np.exp(value[time >= day]).sum() for day in np.unique(time)]
    squares = [((time == day) & event).sum() / np.exp(value[time >= day]).sum() ** 2 for day in np.unique(time)]
    return {
        "slope": [float(model.params_.iloc[0]), float(model.standard_errors_.iloc[0])],
        "days": days,
        "recalibrated": curves.T.to_numpy().tolist(),
        "intercept": [float(np.log(sum(jumps))), float(np.sqrt(sum(squares)) / sum(jumps))],
    }


def moves(event, old, new, cutoff):
    """Of patients whose outcome is known: all moves, then those across one cutoff, which are
    differences of sensitivity and of specificity."""
    event = event.astype(int)
    shares = lambda positive: [
        float(recall_score(event, new >= cutoff, pos_label=positive) - recall_score(event, old >= cutoff, pos_label=positive))
    ]
    return {
        "cutoff": cutoff,
        "any": float(calculate_nri(event, new, old, 0)),
        "across": shares(1) + shares(0),
    }


def reclassification(data):
    time, event, horizon = np.array(data["time"]), np.array(data["event"]), data["horizon"]
    rows = (time > horizon) | event
    new, old = (1 - np.array(one)[rows] for one in data["survival"])
    return {"rows": np.flatnonzero(rows).tolist()} | moves((event & (time <= horizon))[rows], old, new, 0.4)


def competing(data):
    time, cause, predicted = (np.array(data[name]) for name in ("time", "cause", "predicted"))
    score = score_cr({"model": predicted}, time, cause, np.array(data["times"]), n_bootstrap=0)
    rows = (time > data["times"][1]) | (cause > 0)
    # An older model that knows less.
    old = (predicted[:, 1] + np.roll(predicted[:, 1], 1))[rows] / 2
    died = ((cause == 1) & (time <= data["times"][1]))[rows]
    return {
        "auc": score.auc["AUC"].tolist(),
        "brier": score.brier["Brier"].tolist(),
        "reclassification": {"rows": np.flatnonzero(rows).tolist(), "old": old.tolist()}
        | moves(died, old, predicted[rows, 1], 0.35),
    }


def classes(case):
    labels, probabilities = np.array(case["labels"]), np.array(case["probabilities"])
    precision, recall, f1, patients = precision_recall_fscore_support(labels, probabilities.argmax(axis=1))
    return {
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "patients": patients.tolist(),
        "auc": [roc_auc_score(labels == one, probabilities[:, one]) for one in range(3)],
    }


def main():
    warnings.simplefilter("ignore")
    survival, statistics = read("core_survival.json"), read("core_statistics.json")
    cohort = statistics["cohort"]
    packages = (
        "scikit-survival", "lifelines", "statsmodels", "comprisk", "reclassification", "scikit-learn",
        "numpy", "pandas",
    )
    golden = {
        "made_by": "core_evaluation.py, " + ", ".join(f"{name} {version(name)}" for name in packages),
        "breslow_rossi": [breslow(survival["rossi"], penalty) for penalty in (0.0, 5.0)],
        "breslow_ridge": [breslow(case, case["penalty"]) for case in survival["ridge"]],
        "stratified": stratified(cohort),
        "trend": trend(cohort),
        "recalibration": recalibration(cohort),
        "reclassification": reclassification(cohort),
        "competing": competing(read("core_competing.json")),
        "classes": classes(statistics["classes"]),
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":"), allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
