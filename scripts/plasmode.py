"""usage: plasmode.py PROGRAM TABLES FIRST COUNT

Whether the stack does harm, on cohorts of real columns with made-up outcomes, so that its rules can be
chosen without a look at real ones. TABLES is PORPOISE's folder of five TCGA cohorts, whose clinical and
molecular columns are kept; seeds FIRST to FIRST + COUNT - 1 take one cohort after the other. In each some
modalities carry the hazard, by a few columns or by their principal components, and in a third of the
cohorts it bends; events are as many as in the real cohort. `PROGRAM cv` runs with the settings of
models/stacked-fusion/train.toml, and each model's risks are judged by the true hazards: C is the share of
pairs in the right order that can be expected. Prints a line a cohort, then the mean of every model and how far
the stack stays below the best model of a single modality. Needs numpy, pandas and pyarrow.
"""

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

EVENT_SHARES = {"blca": 0.45, "brca": 0.14, "gbmlgg": 0.32, "luad": 0.36, "ucec": 0.17}
SUFFIXES = {"mutations": "_mut", "cnv": "_cnv", "rna": "_rnaseq"}
CLINICAL = ["age", "is_female", "oncotree_code"]
SHAPE, SCALE = 1.3, 1500.0


def columns(folder, cohort):
    """Each patient's id, and the columns of each modality. The real outcomes are left behind."""
    with zipfile.ZipFile(folder / f"tcga_{cohort}_all_clean.csv.zip") as archive:
        content = archive.read(archive.namelist()[0])
    table = pd.read_csv(io.BytesIO(content), low_memory=False).drop_duplicates("case_id")
    modalities = {"clinical": pd.get_dummies(table[CLINICAL], columns=CLINICAL[2:]).astype(float)}
    for name, suffix in SUFFIXES.items():
        own = table[[column for column in table.columns if column.endswith(suffix)]].astype(float)
        if own.shape[1] > 0:
            modalities[name] = own
    return table["case_id"].tolist(), modalities


def standardized(values):
    values = np.nan_to_num(values - np.nanmean(values, axis=0))
    deviations = values.std(axis=0)
    varied = deviations > 1e-9
    return values[:, varied] / deviations[varied]


def score(random, name, table):
    """What one modality says of each patient, with a standard deviation of 1."""
    x = standardized(table.to_numpy())
    if name == "clinical" or random.random() < 0.5:
        count = min(x.shape[1], 3 if name == "clinical" else int(random.integers(3, 30)))
        own = x[:, random.choice(x.shape[1], count, replace=False)]
    else:
        components = np.linalg.svd(x, full_matrices=False)[0]
        own = components[:, : int(random.integers(2, 15))]
    values = own @ random.normal(size=own.shape[1])
    return (values - values.mean()) / values.std()


def log_hazards(random, modalities):
    while True:
        shares = random.dirichlet(np.ones(len(modalities))) * (random.random(len(modalities)) > 0.35)
        if shares.sum() > 0:
            break
    scores = [score(random, name, table) for name, table in modalities.items()]
    total = np.sqrt(shares / shares.sum()) @ scores
    if random.random() < 1 / 3:
        # The hazard rises faster among those above the median.
        total += np.maximum(total - np.median(total), 0)
    return (total - total.mean()) / total.std() * random.uniform(0.5, 1.2)


def follow_up(random, log_hazard, event_share):
    patients = len(log_hazard)
    death = np.ceil(SCALE * random.weibull(SHAPE, patients) * np.exp(-log_hazard / SHAPE)) + 1
    left = random.exponential(size=patients)
    low, high = 1.0, 1e6
    for _ in range(60):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if (death <= middle * left + 30).mean() < event_share else (low, middle)
    censored = np.ceil(low * left + 30)
    return np.minimum(death, censored), death <= censored


def folds(random, days, event):
    fold = np.empty(len(days), dtype=int)
    fold[np.lexsort((random.random(len(days)), days, event))] = np.arange(len(days)) % 5
    return fold


def expected_c(log_hazard, risk):
    """Of all pairs, the share that can be expected to be in the risks' order."""
    first = 1 / (1 + np.exp(log_hazard[None, :] - log_hazard[:, None]))
    np.fill_diagonal(first, 0)
    apart = risk[:, None] - risk[None, :]
    return (first * ((apart > 0) + 0.5 * (apart == 0))).sum() / first.sum()


def judged(program, folder, seed, scratch):
    random = np.random.default_rng(seed)
    cohort = list(EVENT_SHARES)[seed % len(EVENT_SHARES)]
    patients, modalities = columns(folder, cohort)
    log_hazard = log_hazards(random, modalities)
    days, event = follow_up(random, log_hazard, EVENT_SHARES[cohort])
    frame = {"patient_id": patients, "time_days": days.astype(float), "event": event.astype(np.uint8)}
    for name, table in modalities.items():
        frame |= {f"{name}.{column}": table[column].astype(np.float32) for column in table}
    pd.DataFrame(frame).to_parquet(scratch / "cohort.parquet", index=False)
    fold = folds(random, days, event)
    pd.DataFrame({"patient_id": patients, "fold": fold}).to_csv(scratch / "splits.csv", index=False)
    command = [program, "cv", "models/stacked-fusion/train.toml", "--data", scratch / "cohort.parquet"]
    command += ["--splits", scratch / "splits.csv", "--out", scratch / "evaluation"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = pq.read_table(scratch / "evaluation" / "predictions.parquet").to_pandas()
    found["log_hazard"] = found["patient_id"].map(dict(zip(patients, log_hazard)))
    parts = found.groupby(["model", "fold"])[["log_hazard", "risk"]]
    by_fold = parts.apply(lambda one: expected_c(one["log_hazard"].to_numpy(), one["risk"].to_numpy()))
    models = by_fold.groupby("model").mean().to_dict()
    best = max(value for name, value in models.items() if name.endswith(" alone"))
    print(f"seed {seed}: {cohort}, {len(days)} patients, {event.sum()} events: fusion {models['fusion']:.3f}, "
          f"best of a single modality {best:.3f}", flush=True)
    return models | {"best of a single modality": best}


def main():
    program, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    seeds = range(int(sys.argv[3]), int(sys.argv[3]) + int(sys.argv[4]))
    rows = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(judged(program, folder, seed, Path(scratch)))
    table = pd.DataFrame(rows)
    wanted = ["fusion", "network", "ridge Cox", "ridge Cox by modality", "best of a single modality"]
    for name in wanted:
        print(f"{name:27s} {table[name].mean():.4f}")
    below = table["fusion"] - table["best of a single modality"]
    print(f"fusion less the best: mean {below.mean():+.4f}, least {below.min():+.4f}, "
          f"below by more than .01 in {(below < -0.01).sum()} of {len(below)}")


if __name__ == "__main__":
    main()
