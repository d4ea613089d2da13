"""Predictions for QuickSight, held against botocore's description of it."""

import csv
import io
import json

from checks import check, operation, violations

LINES = [
    {"id": "A", "risk": 0.5, "high_risk": True, "survival": [{"time_days": 365, "survival": 0.8, "low": 0.7, "high": 0.9}],
     "missing_modalities": ["ct"], "flags": []},
    {"id": "=B()", "error": {"code": "no_values", "message": "nothing is known"}},
]


def run(program):
    (program.folder / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    done = program.run("quicksight", "predictions.jsonl", "--out", "quicksight", "--at", "s3://cohorts/lung/predictions")
    check("quicksight", done.returncode == 0, done.stderr)
    folder = program.folder / "quicksight"
    rows = list(csv.DictReader(io.StringIO((folder / "predictions.csv").read_text())))
    check("rows", [row["risk"] for row in rows] == ["0.5", ""], rows)
    check("no formula", rows[1]["id"] == "'=B()", rows[1])
    manifest = json.loads((folder / "manifest.json").read_text())
    check("manifest", manifest["fileLocations"] == [{"URIs": ["s3://cohorts/lung/predictions/predictions.csv"]}])
    for name, created in [("data-source", "CreateDataSource"), ("data-set", "CreateDataSet"), ("analysis", "CreateAnalysis")]:
        text = (folder / f"{name}.json").read_text().replace("ACCOUNT", "111122223333").replace("REGION", "eu-central-1")
        found = violations(operation("quicksight", created).input_shape, json.loads(text), created)
        check(created, not found, found)
    data_set = json.loads((folder / "data-set.json").read_text())
    columns = {one["Name"] for one in data_set["PhysicalTableMap"]["predictions"]["S3Source"]["InputColumns"]}
    check("the data set's columns are the file's", columns == set(rows[0]), columns)
    used = json.dumps(json.loads((folder / "analysis.json").read_text()))
    check("survival is drawn", "survival_365d" in used)
