"""Writes core_elastic_net.json: elastic-net Cox cross-fitted by scikit-survival's Coxnet.

Run as: python core_elastic_net.py  (pip install scikit-survival)

No two patients have the same day: Coxnet has Breslow's ties, the program Efron's, which agree then.
Everything but the fits themselves is done here anew, by its definition: the grid of penalties, the
cross-validated likelihood, and which fits choose what.
"""

import json
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.util import Surv

STEPS_PER_TENFOLD = 36
SMALLEST = 0.25
FOLDS = 3


def likelihood(time, event, risk):
    """Cox's log partial likelihood by definition."""
    return sum(risk[i] - np.log(np.exp(risk[time >= time[i]]).sum()) for i in np.flatnonzero(event))


def total(worths):
    """Their sum as far as all go."""
    steps = min(map(len, worths))
    return sum(one[:steps] for one in worths)


def case(rng, patients, columns, l1_ratio):
    x = rng.normal(size=(patients, columns))
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).round(4)
    hazard = np.exp(0.7 * x[:, 0] - 0.7 * x[:, 1] + 0.4 * x[:, 2])
    death, left = rng.exponential(900 / hazard), rng.uniform(100, 2500, patients)
    time, event = np.minimum(death, left).round(4), death <= left
    assert len(set(time)) == patients
    fold = np.arange(patients) % FOLDS
    steps = int(np.ceil(STEPS_PER_TENFOLD * np.log10(np.sqrt(patients) / SMALLEST)))
    sizes = np.sqrt(patients) / l1_ratio * 10 ** (-np.arange(steps + 1) / STEPS_PER_TENFOLD)
    variance = x.var(axis=0).mean()

    def penalties(rows):
        return sizes * np.sqrt(event[rows].sum() * variance)

    @cache
    def path(one, two):
        """The coefficients at each penalty of a fit without two folds, (steps, columns)."""
        rows = (fold != one) & (fold != two)
        found = []
        for penalty in penalties(rows) / rows.sum():
            # One at a time: a path of Coxnet ends where the deviance hardly changes.
            model = CoxnetSurvivalAnalysis(
                alphas=[penalty], l1_ratio=l1_ratio, tol=1e-14, max_iter=10_000_000
            )
            try:
                model.fit(x[rows], Surv.from_arrays(event[rows], time[rows]))
            except ArithmeticError:
                break
            found.append(model.coef_[:, 0])
        return np.array(found)

    def worths(one, two, judges):
        """The likelihood of the judges less that of the patients it was fitted to."""
        rows, risks = (fold != one) & (fold != two), path(one, two) @ x.T
        of = lambda who, risk: likelihood(time[who], event[who], risk[who])
        return np.array([of(judges, risk) - of(rows, risk) for risk in risks])

    everybody = np.full(patients, True)
    chosen, out_of_fold = [], np.zeros(patients)
    for one in range(FOLDS):
        inside = [worths(one, two, fold != one) for two in range(FOLDS) if two != one]
        chosen.append(int(np.argmax(total(inside))))
        risk = path(one, one)[chosen[-1]] @ x.T
        held_out = fold == one
        out_of_fold[held_out] = risk[held_out] - risk[held_out].mean()
    sums = total([worths(one, one, everybody) for one in range(FOLDS)])
    best = int(np.argmax(sums))
    coefficients = path(-1, -1)[best]
    print(patients, columns, l1_ratio, chosen, best, np.count_nonzero(coefficients), sums.size)
    return {
        "x": x.tolist(),
        "time": time.tolist(),
        "event": event.tolist(),
        "folds": fold.tolist(),
        "l1_ratio": l1_ratio,
        "fold_penalties": [penalties(fold != one)[chosen[one]] for one in range(FOLDS)],
        "out_of_fold": out_of_fold.tolist(),
        "penalty": penalties(everybody)[best],
        "coefficients": coefficients.tolist(),
    }


def main():
    warnings.filterwarnings("ignore", message="all coefficients are zero")
    rng = np.random.default_rng(20)
    packages = ("scikit-survival", "numpy")
    golden = {
        "made_by": "core_elastic_net.py, " + ", ".join(f"{name} {version(name)}" for name in packages),
        "cases": [case(rng, 90, 12, 1.0), case(rng, 80, 40, 0.9), case(rng, 60, 100, 0.5)],
    }
    target = Path(__file__).with_name("core_elastic_net.json")
    target.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
