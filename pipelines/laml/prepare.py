#!/usr/bin/env python3
"""Lays out TCGA-LAML (MAF and annotation as the maftools package ships them) as a cohort.

usage: prepare.py MAFTOOLS_EXTDATA OUT
"""

import csv
import gzip
import shutil
import sys
from pathlib import Path

source, out = Path(sys.argv[1]), Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
shutil.copy(source / "tcga_laml_annot.tsv", out / "clinical.tsv")
shutil.copy(source / "tcga_laml.maf.gz", out / "laml.maf.gz")
shutil.copy(Path(__file__).with_name("cohort.toml"), out / "cohort.toml")

# A patient in the MAF was sequenced; for the others nobody says so, and they stay without genomics.
with gzip.open(source / "tcga_laml.maf.gz", "rt") as maf:
    sequenced = sorted({row["Tumor_Sample_Barcode"] for row in csv.DictReader(maf, delimiter="\t")})
with open(out / "files.csv", "w", newline="") as files:
    writer = csv.writer(files)
    writer.writerow(["patient_id", "modality", "path", "sample_id"])
    writer.writerows([patient, "genomics", "laml.maf.gz", patient] for patient in sequenced)
