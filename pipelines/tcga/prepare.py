#!/usr/bin/env python3
"""Lays out the five TCGA cohorts of the published networks, each with its official folds.

usage: prepare.py PORPOISE_FOLDER OUT

The tables hold one row a slide; the clinical columns are written once a patient. Molecular columns
stay as they are in one table and become the modalities mutations, copy number and expression.
"""

import csv
import io
import sys
import zipfile
from pathlib import Path

COHORTS = ["blca", "brca", "gbmlgg", "luad", "ucec"]
CLINICAL = ["case_id", "age", "is_female", "oncotree_code", "site", "survival_months", "censorship"]
SUFFIXES = {"mutations": "_mut", "cnv": "_cnv", "rna": "_rnaseq"}
MANIFEST = """\
schema = 1
id = "tcga-{cohort}"

[clinical]
table = "clinical.csv"
patient_id = "case_id"
site = "site"

[clinical.columns]
age = {{ type = "number", unit = "years", min = 0, max = 120 }}
is_female = {{ type = "number" }}
oncotree_code = {{ type = "category" }}

[outcome]
time = "survival_months"
time_unit = "months"
event = "censorship"
event_values = ["0"]
censored_values = ["1"]
"""
MODALITY = """
[[modality]]
name = "{name}"
kind = "table"
path = "molecular.csv"
patient_id = "case_id"
suffix = "{suffix}"
"""


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    for cohort in COHORTS:
        folder = out / cohort
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(source / f"tcga_{cohort}_all_clean.csv.zip") as archive:
            table = archive.read(archive.namelist()[0]).decode()
        rows = list(csv.DictReader(io.StringIO(table)))
        write_clinical(folder / "clinical.csv", rows)
        (folder / "molecular.csv").write_text(table)
        (folder / "files.csv").write_text("patient_id,modality,path\n")
        present = {name: suffix for name, suffix in SUFFIXES.items() if any(c.endswith(suffix) for c in rows[0])}
        manifest = MANIFEST.format(cohort=cohort)
        manifest += "".join(MODALITY.format(name=name, suffix=suffix) for name, suffix in present.items())
        (folder / "cohort.toml").write_text(manifest)
        write_folds(folder / "splits.csv", source / "splits_5foldcv" / f"tcga_{cohort}")


def write_clinical(path, rows):
    patients = {row["case_id"]: [row[name] for name in CLINICAL] for row in rows}
    with open(path, "w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(CLINICAL)
        writer.writerows(patients.values())


def write_folds(path, folder):
    """The official split k holds out the patients of its column `val`: fold k here."""
    with open(path, "w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["patient_id", "fold"])
        for fold in range(5):
            with open(folder / f"splits_{fold}.csv", newline="") as split:
                writer.writerows([row["val"], fold] for row in csv.DictReader(split) if row["val"])


if __name__ == "__main__":
    main()
