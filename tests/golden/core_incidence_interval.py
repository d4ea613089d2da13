"""Writes core_incidence_interval.json: 95 % intervals of cumulative incidences beside another cause.

Run as: python core_incidence_interval.py  (pip install scikit-survival numpy scipy)

Incidences are products of matrix exponentials. Their variance is that of the delta method with
every derivative a finite difference: by each jump of each baseline, and by the slope of each risk,
for which Breslow's baseline is estimated anew.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.linalg import expm
from scipy.stats import norm
from sksurv.nonparametric import cumulative_incidence_competing_risks

PATIENTS, MANY = 120, 3000
TIMES = [150.0, 400.0, 900.0]
PROFILES = [[0.0, 0.0], [1.1, -0.6], [-0.9, 1.3]]
THIN = 5
Z = norm.ppf(0.975)


def cohort(rng, patients, effects):
    risks = (rng.normal(size=(patients, 2)) * effects).round(3)
    first = rng.exponential(900 / np.exp(risks[:, 0]))
    second = rng.exponential(1300 / np.exp(risks[:, 1]))
    left = rng.uniform(100, 2000, patients)
    time = np.minimum(np.minimum(first, second), left)
    cause = np.where(left < np.minimum(first, second), 0, np.where(first < second, 1, 2))
    return risks, time, cause


def breslow(risk, time, event, slope):
    """The event times with events, the hazards at risk, and the jumps."""
    days = np.unique(time[event])
    events = np.array([(event & (time == day)).sum() for day in days])
    at_risk = np.array([np.exp(slope * risk[time >= day]).sum() for day in days])
    return days, events, at_risk


def log_likelihood(risk, time, event, slope):
    days, events, at_risk = breslow(risk, time, event, slope)
    return slope * risk[event].sum() - (events * np.log(at_risk)).sum()


def states(grid, jumps, profile):
    """No event, the first and the second, at the times asked for."""
    rises = np.zeros((2, len(grid)))
    for cause, (days, sizes, slope) in enumerate(jumps):
        place = np.searchsorted(grid, days)
        inside = place < len(grid)
        np.add.at(rises[cause], place[inside], sizes[inside] * np.exp(slope * profile[cause]))
    state, found = np.array([1.0, 0.0, 0.0]), []
    for day, rise in zip(grid, rises.T):
        generator = np.zeros((3, 3))
        generator[0] = [-rise.sum(), *rise]
        state = state @ expm(generator)
        if day in TIMES:
            found.append(state)
    return np.array(found)


def intervals(risks, time, cause, profile, grid):
    fitted = [breslow(risks[:, own], time, cause == own + 1, 1.0) for own in (0, 1)]
    base = [(days, events / at_risk, 1.0) for days, events, at_risk in fitted]
    variance = 0.0
    for own, (days, events, at_risk) in enumerate(fitted):
        for place in np.flatnonzero(days <= grid[-1]):
            jump, sides = events[place] / at_risk[place], []
            for step in (1e-4 * jump, -1e-4 * jump):
                moved = [(d, sizes.copy(), slope) for d, sizes, slope in base]
                moved[own][1][place] += step
                sides.append(states(grid, moved, profile))
            variance += ((sides[0] - sides[1]) / (2e-4 * jump)) ** 2 * events[place] / at_risk[place] ** 2
        event, step, sides = cause == own + 1, 1e-4, []
        for slope in (1 + step, 1 - step):
            days, events, at_risk = breslow(risks[:, own], time, event, slope)
            sides.append(states(grid, [*base[:own], (days, events / at_risk, slope), *base[own + 1 :]], profile))
        likelihoods = [log_likelihood(risks[:, own], time, event, 1 + h) for h in (-1e-3, 0.0, 1e-3)]
        information = -(likelihoods[0] - 2 * likelihoods[1] + likelihoods[2]) / 1e-6
        variance += ((sides[0] - sides[1]) / (2 * step)) ** 2 / information
    value = states(grid, base, profile)
    # Without an event for survival, with it for incidences.
    without = np.where([True, False, False], value, 1 - value)
    hazard = -np.log(without)
    error = np.sqrt(variance) / (without * hazard)
    bounds = [np.exp(-hazard * np.exp(z * error)) for z in (-Z, Z)]
    event_bounds = [1 - bound for bound in bounds]
    low = np.where([True, False, False], bounds[1], event_bounds[0])
    high = np.where([True, False, False], bounds[0], event_bounds[1])
    return {"value": value.tolist(), "low": low.tolist(), "high": high.tolist()}


def aalen_johansen(rng):
    """The standard errors of scikit-survival, from its log-log intervals."""
    _, time, cause = cohort(rng, MANY, 0.0)
    time = time.round(4)
    assert len(np.unique(time)) == MANY
    grid, curves, bounds = cumulative_incidence_competing_risks(
        cause, time, conf_type="log-log", var_type="Aalen"
    )
    found = {"time": time.tolist(), "cause": cause.tolist(), "incidence": [], "error": []}
    for day in TIMES:
        place = np.searchsorted(grid, day, side="right") - 1
        value, low = curves[1:, place], bounds[1:, 0, place]
        error = np.abs(np.log(np.log(low) / np.log(value))) / Z * value * np.abs(np.log(value))
        found["incidence"].append(value.tolist())
        found["error"].append(error.tolist())
    return found


def main():
    rng = np.random.default_rng(23)
    risks, time, cause = cohort(rng, PATIENTS, [0.8, 0.6])
    time = np.ceil(time / 10) * 10 + 5.0  # Ties, also between causes.
    events = np.unique(time[(cause > 0) & (time < TIMES[-1])])
    grids = {
        "whole": np.unique([*events, *TIMES]),
        "thin": np.unique([*events[::THIN], *TIMES]),
    }
    golden = {
        "made_by": "core_incidence_interval.py, "
        + ", ".join(f"{p} {version(p)}" for p in ["scikit-survival", "numpy", "scipy"]),
        "risks": risks.tolist(),
        "time": time.tolist(),
        "cause": cause.tolist(),
        "times": TIMES,
        "profiles": PROFILES,
        **{
            name: {
                "grid": grid.tolist(),
                "profiles": [intervals(risks, time, cause, profile, grid) for profile in PROFILES],
            }
            for name, grid in grids.items()
        },
        "equal_risks": aalen_johansen(rng),
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
