"""Writes core_survival.json: survival statistics by scikit-survival, lifelines and scikit-learn.

Run as: python core_survival.py  (pip install scikit-survival lifelines)
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.datasets import load_rossi
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import concordance_index, median_survival_times
from sklearn.metrics import accuracy_score, roc_auc_score
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.nonparametric import CensoringDistributionEstimator
from sksurv.util import Surv


def cohort(rng, patients, columns, grain):
    """Follow-up in multiples of `grain` days, so that many times are tied."""
    x = rng.normal(size=(patients, columns)).round(3)
    hazard = np.exp(0.8 * x[:, 0] - 0.5 * x[:, min(1, columns - 1)])
    death = rng.exponential(900 / hazard)
    left = rng.uniform(100, 2500, patients)
    time = np.ceil(np.minimum(death, left) / grain) * grain
    return x, time, death <= left


def concordance(rng, grain, decimals):
    x_train, time_train, event_train = cohort(rng, 80, 2, grain)
    x, time, event = cohort(rng, 60, 2, grain)
    risk = (0.8 * x[:, 0] + rng.normal(size=60)).round(decimals)
    # scikit-survival refuses times past the training patients' follow-up.
    time_train[0], event_train[0] = time.max() + grain, True
    train = Surv.from_arrays(event_train, time_train)
    test = Surv.from_arrays(event, time)
    times = np.quantile(time, [0.2, 0.4, 0.6, 0.8]).round()
    survival = np.exp(-np.outer(np.exp(risk), times) / 2000).round(4)
    censored = concordance_index_censored(event, time, risk)
    tau = float(np.quantile(time, 0.7).round())
    censoring = CensoringDistributionEstimator().fit(train)
    curve = KaplanMeierFitter().fit(time, event)
    median = median_survival_times(curve.confidence_interval_)
    groups = rng.integers(0, 3, 60)
    test3 = multivariate_logrank_test(time, groups, event)
    test2 = multivariate_logrank_test(time, groups > 0, event)
    return {
        "train": {"time": time_train.tolist(), "event": event_train.tolist()},
        "test": {"time": time.tolist(), "event": event.tolist()},
        "risk": risk.tolist(),
        "pairs": [int(count) for count in censored[1:]],
        "harrell_c": censored[0],
        "harrell_c_lifelines": concordance_index(time, -risk, event),
        "tau": tau,
        "uno_c": concordance_index_ipcw(train, test, risk)[0],
        "uno_c_tau": concordance_index_ipcw(train, test, risk, tau=tau)[0],
        "times": times.tolist(),
        "auc_at": cumulative_dynamic_auc(train, test, risk, times)[0].tolist(),
        "survival": survival.tolist(),
        "brier_at": brier_score(train, test, survival, times)[1].tolist(),
        "integrated_brier": integrated_brier_score(train, test, survival, times),
        "uncensored_at": censoring.predict_proba(times).tolist(),
        "auc": roc_auc_score(event, risk),
        "groups": groups.tolist(),
        "log_rank_3": [test3.test_statistic, test3.p_value],
        "log_rank_2": [test2.test_statistic, test2.p_value],
        "kaplan_meier": {
            "time": curve.survival_function_.index[1:].tolist(),
            "survival": curve.survival_function_.iloc[1:, 0].tolist(),
            "low": curve.confidence_interval_.iloc[1:, 0].tolist(),
            "high": curve.confidence_interval_.iloc[1:, 1].tolist(),
            "median": [curve.median_survival_time_, *median.iloc[0].tolist()],
        },
    }


def ridge(rng, patients, columns, penalty):
    """scikit-survival minimizes -l(b) + alpha / 2 |b|^2, both over n."""
    x, time, event = cohort(rng, patients, columns, 30)
    model = CoxPHSurvivalAnalysis(alpha=penalty, ties="efron", tol=1e-14, n_iter=500)
    model.fit(x, Surv.from_arrays(event, time))
    return {
        "x": x.tolist(),
        "time": time.tolist(),
        "event": event.tolist(),
        "penalty": penalty,
        "coefficients": model.coef_.tolist(),
    }


def rossi():
    """Recidivism: 432 convicts, weeks to arrest, many ties. Also in R's `carData`."""
    data = load_rossi()
    columns = [name for name in data.columns if name not in ("week", "arrest")]
    model = CoxPHFitter()
    model.fit(data, "week", "arrest", fit_options={"precision": 1e-12})
    # On centered columns, as lifelines keeps it.
    breslow = model.baseline_cumulative_hazard_.iloc[:, 0]
    x = data[columns].astype(float)
    ties = [CoxPHSurvivalAnalysis(ties=ties, tol=1e-14) for ties in ("efron", "breslow")]
    for fit in ties:
        fit.fit(x.to_numpy(), Surv.from_arrays(data["arrest"].astype(bool), data["week"]))
    return {
        "columns": columns,
        "x": x.to_numpy().tolist(),
        "time": data["week"].astype(float).tolist(),
        "event": data["arrest"].astype(bool).tolist(),
        "coefficients": model.params_.tolist(),
        "coefficients_breslow": ties[1].coef_.tolist(),
        "log_likelihood": model.log_likelihood_,
        "means": x.mean().tolist(),
        "baseline_time": breslow.index.tolist(),
        "baseline": breslow.tolist(),
    }


def classes(rng):
    labels = rng.integers(0, 3, 40)
    scores = rng.gamma(1 + 2 * np.eye(3)[labels]).round(1) + 0.1
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    return {
        "labels": labels.tolist(),
        "probabilities": probabilities.tolist(),
        "macro_auc": roc_auc_score(labels, probabilities, multi_class="ovr"),
        "accuracy": accuracy_score(labels, probabilities.argmax(axis=1)),
    }


def main():
    rng = np.random.default_rng(20240501)
    packages = ("scikit-survival", "lifelines", "scikit-learn", "numpy", "pandas")
    golden = {
        "made_by": "core_survival.py, " + ", ".join(f"{name} {version(name)}" for name in packages),
        "concordance": [
            concordance(rng, 1, 3),
            concordance(rng, 30, 1),
            concordance(rng, 200, 0),
        ],
        "rossi": rossi(),
        "ridge": [ridge(rng, 50, 5, 3.0), ridge(rng, 30, 80, 10.0)],
        "classes": classes(rng),
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":"), allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
