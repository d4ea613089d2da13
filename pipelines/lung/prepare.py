#!/usr/bin/env python3
"""Lays out lung cancer CT radiomics as cohorts.

usage: prepare.py HOSNY_FOLDER LUNG1_FOLDER OUT

HarvardRT, Radboud and Maastro hold radiomics and whether a patient was alive at two years, and
nothing else of survival: here a death is put at 12 months and everyone else is censored at 24, so
that C is the AUC of being dead at two years. `cnn` is the output of the authors' own network.
The cohort `joined` holds those of Maastro who have a clinical table, with their real follow-up.
"""

import csv
import sys
from pathlib import Path

PUBLIC = ["HarvardRT", "Radboud", "Maastro"]
NOT_RADIOMICS = ("id", "line", "surv2yr", "logit_", "general_info_")
HEAD = """\
schema = 1
id = "lung-{name}"

[clinical]
table = "clinical.csv"
patient_id = "patient_id"
{columns}
[outcome]
time = "months"
time_unit = "months"
event = "dead"
event_values = ["1"]
censored_values = ["0"]
"""
MODALITY = """
[[modality]]
name = "{name}"
kind = "table"
path = "{name}.csv"
patient_id = "patient_id"
"""
CLINICAL_COLUMNS = """
[clinical.columns]
age = { type = "number", unit = "years", min = 0, max = 120 }
sex = { type = "category", levels = ["female", "male"] }
t_stage = { type = "number" }
n_stage = { type = "number" }
overall_stage = { type = "ordinal", levels = ["I", "II", "IIIa", "IIIb"] }
histology = { type = "category", levels = ["adenocarcinoma", "large cell", "nos", "squamous cell carcinoma"] }
"""
CLINICAL_NAMES = {
    "age": "age",
    "sex": "gender",
    "t_stage": "clinical.T.Stage",
    "n_stage": "Clinical.N.Stage",
    "overall_stage": "Overall.Stage",
    "histology": "Histology",
}
DAYS_A_MONTH = 30.4375


def main():
    hosny, lung1, out = (Path(argument) for argument in sys.argv[1:4])
    for name in PUBLIC:
        rows = read(hosny / f"{name}.csv")
        outcomes = [[patient(row), 24 if row["surv2yr"] == "1" else 12, int(row["surv2yr"] == "0")] for row in rows]
        write(out / name, HEAD.format(name=name, columns=""), ["patient_id", "months", "dead"], outcomes)
        write_radiomics(out / name, rows)
        write_table(out / name, "cnn", ["patient_id", "output"], [[patient(row), row["logit_1"]] for row in rows])
    follow_up = {row["PatientID"]: row for row in read(lung1 / "lung1_clinical_survival_annotations.csv")}
    rows = [row for row in read(hosny / "Maastro.csv") if patient(row) in follow_up]
    header = ["patient_id", *CLINICAL_NAMES, "months", "dead"]
    clinical = [clinical_row(patient(row), follow_up[patient(row)]) for row in rows]
    write(out / "joined", HEAD.format(name="joined", columns=CLINICAL_COLUMNS), header, clinical)
    write_radiomics(out / "joined", rows)


def read(path):
    with open(path, newline="") as table:
        return [row | {"line": line} for line, row in enumerate(csv.DictReader(table), 2)]


def patient(row):
    """The id; five rows of Maastro have none and are named by their line."""
    return row["id"].strip() or f"line-{row['line']}"


def clinical_row(name, row):
    months = float(row["Survival.time"]) / DAYS_A_MONTH
    return [name, *(row[column] for column in CLINICAL_NAMES.values()), f"{months:.6f}", row["deadstatus.event"]]


def write(folder, manifest, header, rows):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "files.csv").write_text("patient_id,modality,path\n")
    (folder / "cohort.toml").write_text(manifest)
    write_csv(folder / "clinical.csv", header, rows)


def write_table(folder, name, header, rows):
    write_csv(folder / f"{name}.csv", header, rows)
    with open(folder / "cohort.toml", "a") as manifest:
        manifest.write(MODALITY.format(name=name))


def write_radiomics(folder, rows):
    """A patient whose radiomics are all empty was not measured: the row is left out."""
    names = [name for name in rows[0] if not name.startswith(NOT_RADIOMICS)]
    values = [[patient(row), *(row[name] for name in names)] for row in rows]
    write_table(folder, "radiomics", ["patient_id", *names], [row for row in values if any(row[1:])])


def write_csv(path, header, rows):
    with open(path, "w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
