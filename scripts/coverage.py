"""usage: coverage.py PROGRAM REPETITIONS [MODEL]

How often a prediction's 95 % interval holds the truth, over cohorts simulated anew: of 400 patients
with three columns that carry the hazard and nine that do not, in two modalities, 40 % censored, the
model (`ridge_cox`, or `stack`) predicts 5,000 new patients. Judged against each patient's own true
survival, and against the mean true survival of the patients of about the same predicted risk (of 50
groups), which is what the interval claims.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TRAINING, NEW, DAYS, GROUPS = 400, 5000, (365.0, 1095.0), 50
EFFECTS = np.r_[0.7, -0.5, 0.3, np.zeros(9)]
SHAPE, SCALE = 1.3, 1500.0


def survival(x, day):
    return np.exp(-((day / SCALE) ** SHAPE) * np.exp(x @ EFFECTS))


def cohort(random, patients, path):
    x = random.standard_normal((patients, len(EFFECTS))).astype(np.float32)
    death = SCALE * (random.exponential(size=patients) / np.exp(x @ EFFECTS)) ** (1 / SHAPE)
    left = random.uniform(200, 3500, patients)
    columns = {
        "patient_id": pa.array([f"P{row}" for row in range(patients)]),
        "time_days": pa.array(np.ceil(np.minimum(death, left))),
        "event": pa.array((death <= left).astype(np.uint8)),
    }
    for column, values in enumerate(x.T):
        columns[f"{'ab'[column % 2]}.f{column}"] = pa.array(values)
    pq.write_table(pa.table(columns), path)
    return x


def main():
    program, repetitions = sys.argv[1], int(sys.argv[2])
    model = sys.argv[3] if len(sys.argv) > 3 else "ridge_cox"
    own, alike = [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        horizons = ", ".join(str(day) for day in DAYS)
        (folder / "train.toml").write_text(f'model = "{model}"\nhorizons_days = [{horizons}]\n')
        for seed in range(repetitions):
            random = np.random.default_rng(seed)
            cohort(random, TRAINING, folder / "training.parquet")
            x = cohort(random, NEW, folder / "new.parquet")
            for step in (
                ["train", "train.toml", "--data", "training.parquet", "--out", "model", "--force"],
                ["predict", "model", "--data", "new.parquet", "--out", "p.parquet"],
            ):
                done = subprocess.run([program, *step], cwd=folder, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(done.stderr)
            found = pq.read_table(folder / "p.parquet").to_pydict()
            group = np.argsort(np.argsort(found["risk"])) * GROUPS // NEW
            for day in DAYS:
                low, high = (np.array(found[f"{side}_survival_{day:.0f}d"]) for side in ("low", "high"))
                truth = survival(x, day)
                own.append(((low <= truth) & (truth <= high)).mean())
                mean = np.array([values[group == one].mean() for one in range(GROUPS) for values in (truth, low, high)])
                truth, low, high = mean.reshape(GROUPS, 3).T
                alike.append(((low <= truth) & (truth <= high)).mean())
    own, alike = (np.reshape(values, (repetitions, len(DAYS))) for values in (own, alike))
    for place, day in enumerate(DAYS):
        errors = [values[:, place].std(ddof=1) / repetitions**0.5 for values in (own, alike)]
        print(
            f"{model}, day {day:.0f}, {repetitions} cohorts: the interval holds a patient's own survival"
            f" {own[:, place].mean():.3f} (± {errors[0]:.3f}), that of patients of the same risk"
            f" {alike[:, place].mean():.3f} (± {errors[1]:.3f})",
            flush=True,
        )


main()
