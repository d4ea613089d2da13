#!/usr/bin/env python3
"""Lays out the clinical table of 33 TCGA cancers as two cohorts: who may be learned from, who judges.

usage: prepare.py MULTISURV_FOLDER OUT

The split is the one of the table's authors. Their parts `train` and `val` become the cohort `train`,
for every choice is made inside the training part; `test` becomes the cohort `test`. Patients without
a follow-up above zero days are left out, as the authors did.
"""

import csv
import re
import sys
from pathlib import Path

STAGES = {"is": "0", "stage 0": "0", "i/ii nos": "I"}
COLUMNS = {
    "age": "age_at_diagnosis",
    "sex": "gender",
    "race": "race",
    "cancer": "project_id",
    "prior_treatment": "prior_treatment",
    "prior_malignancy": "prior_malignancy",
    "synchronous_malignancy": "synchronous_malignancy",
    "pharmaceutical_therapy": "treatments_pharmaceutical_treatment_or_therapy",
    "radiation_therapy": "treatments_radiation_treatment_or_therapy",
}
MANIFEST = """\
schema = 1
id = "tcga-33-{part}"

[clinical]
table = "clinical.csv"
patient_id = "submitter_id"

[clinical.columns]
age = {{ type = "number", unit = "years", min = 0, max = 120 }}
stage = {{ type = "ordinal", levels = ["0", "I", "II", "III", "IV"] }}
sex = {{ type = "category", levels = ["female", "male"] }}
race = {{ type = "category", levels = {races} }}
cancer = {{ type = "category", levels = {cancers} }}
prior_treatment = {{ type = "boolean", true_values = ["Yes"], false_values = ["No"] }}
prior_malignancy = {{ type = "boolean", true_values = ["yes"], false_values = ["no"] }}
synchronous_malignancy = {{ type = "boolean", true_values = ["Yes"], false_values = ["No"] }}
pharmaceutical_therapy = {{ type = "boolean", true_values = ["yes"], false_values = ["no"] }}
radiation_therapy = {{ type = "boolean", true_values = ["yes"], false_values = ["no"] }}

[outcome]
time = "time"
time_unit = "years"
event = "event"
event_values = ["1"]
censored_values = ["0"]
"""


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    with open(source / "clinical_data.tsv", newline="") as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t") if float(row["time"]) > 0]
    levels = lambda name: str(sorted({row[name] for row in rows if row[name]})).replace("'", '"')
    for part, groups in {"train": ("train", "val"), "test": ("test",)}.items():
        folder = out / part
        folder.mkdir(parents=True, exist_ok=True)
        write_clinical(folder / "clinical.csv", [row for row in rows if row["group"] in groups])
        (folder / "files.csv").write_text("patient_id,modality,path\n")
        manifest = MANIFEST.format(part=part, races=levels("race"), cancers=levels("project_id"))
        (folder / "cohort.toml").write_text(manifest)


def write_clinical(path, rows):
    with open(path, "w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["submitter_id", *COLUMNS, "stage", "time", "event"])
        for row in rows:
            values = [row[name] for name in COLUMNS.values()]
            values[0] = f"{float(values[0]) / 365.25:.3f}" if values[0] else ""
            writer.writerow([row["submitter_id"], *values, stage(row["tumor_stage"]), row["time"], row["event"]])


def stage(text):
    """The main stage of such as `stage iiib`; empty where it is unknown (`stage x`)."""
    main_stage = re.fullmatch(r"stage (iv|i{1,3})[abc]?", text)
    return main_stage[1].upper() if main_stage else STAGES.get(text, "")


if __name__ == "__main__":
    main()
