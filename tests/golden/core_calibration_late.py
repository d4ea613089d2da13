"""Writes core_calibration_late.json: calibration slopes of patients who came under observation late.

Run as: python core_calibration_late.py  (pip install lifelines statsmodels). The cohort and the
first predictions are those of core_statistics.json. The slope for the event by a day is the coefficient
of ln(-ln S) in a Cox model (Efron's ties) of follow-up from each patient's entry to that day, by
lifelines with `entry_col`; statsmodels' PHReg with `entry` must agree.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from statsmodels.duration.hazard_regression import PHReg

HORIZONS = (300.0, 500.0, 1000.0)


def slope(cohort, survival, horizon):
    """The coefficient with its standard error, and who was at risk."""
    time, entry = np.array(cohort["time"]), np.array(cohort["entry"])
    rows = pd.DataFrame(
        {
            "x": np.log(-np.log(survival)),
            "entry": entry,
            "time": np.minimum(time, horizon),
            "event": np.array(cohort["event"]) & (time <= horizon),
        }
    )
    rows = rows[rows["entry"] < rows["time"]]
    model = CoxPHFitter()
    model.fit(rows, "time", "event", entry_col="entry", fit_options={"precision": 1e-12})
    found = [float(model.params_["x"]), float(model.standard_errors_["x"])]
    status, entered = rows["event"].astype(int), rows["entry"]
    other = PHReg(rows["time"], rows[["x"]], status=status, entry=entered, ties="efron").fit(disp=0)
    np.testing.assert_allclose(found, [other.params[0], other.bse[0]], rtol=1e-5)
    events = int(rows["event"].sum())
    return {"horizon": horizon, "slope": found, "patients": len(rows), "events": events}


def main():
    cohort = json.loads(Path(__file__).with_name("core_statistics.json").read_text())["cohort"]
    packages = ("lifelines", "statsmodels", "numpy", "pandas")
    golden = {
        "made_by": "core_calibration_late.py, "
        + ", ".join(f"{name} {version(name)}" for name in packages),
        "slopes": [slope(cohort, np.array(cohort["survival"][0]), horizon) for horizon in HORIZONS],
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":"), allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
