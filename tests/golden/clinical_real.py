"""Reads real tables with Python's csv module, independently of the Rust code.

Only the standard library: `python3 clinical_real.py SHARED > clinical_real.json`, where SHARED
holds data/survival/porpoise_tcga_5 and data/genomics/maftools.
"""

import csv
import io
import json
import math
import platform
import sys
import zipfile
from pathlib import Path


def porpoise(path):
    """Patients, their outcomes and the sum of each kind of column, one row a patient."""
    with zipfile.ZipFile(path) as archive:
        text = io.TextIOWrapper(archive.open(archive.namelist()[0]), encoding="utf-8")
        rows = list(csv.DictReader(text))
    patients = {}
    for row in rows:
        patients.setdefault(row["case_id"], row)
    kinds = {}
    for suffix in ["_rnaseq", "_cnv", "_mut"]:
        names = [name for name in rows[0] if name.endswith(suffix)]
        cells = [row[name] for row in patients.values() for name in names]
        known = [float(cell) for cell in cells if cell]
        kinds[suffix] = {"columns": len(names), "known": len(known), "sum": math.fsum(known)}
    return {
        "rows": len(rows),
        "patients": len(patients),
        "events": sum(float(row["censorship"]) == 0 for row in patients.values()),
        "months": math.fsum(float(row["survival_months"]) for row in patients.values()),
        "kinds": kinds,
    }


def laml(path):
    """Rows with a follow-up of zero days or more; R wrote `-Inf` where there was none."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    days = [float(row["days_to_last_followup"]) for row in rows]
    kept = [row for row, time in zip(rows, days) if time >= 0]
    return {
        "rows": len(rows),
        "patients": len(kept),
        "events": sum(row["Overall_Survival_Status"] == "1" for row in kept),
        "days": sum(time for time in days if time >= 0),
        "m3": sum(row["FAB_classification"] == "M3" for row in kept),
    }


def main():
    data = Path(sys.argv[1]) / "data"
    result = {"made_by": f"clinical_real.py, Python {platform.python_version()}"}
    for path in sorted((data / "survival" / "porpoise_tcga_5").glob("*.csv.zip")):
        result[path.name] = porpoise(path)
    annotation = data / "genomics" / "maftools" / "inst" / "extdata" / "tcga_laml_annot.tsv"
    result[annotation.name] = laml(annotation)
    json.dump(result, sys.stdout, indent=1)
    print()


main()
