"""Writes genomics_signatures.csv: exposures that SigProfilerAssignment finds.

usage: genomics_signatures.py SAMPLES OUT.csv

SAMPLES is scenario8_samples_SBS96.txt of github.com/AlexandrovLab/SigProfilerAssignment (BSD-2),
of which the first ten tumors are used. COSMIC v3.4, GRCh37, is the package's own matrix.
Versions: SigProfilerAssignment 1.1.5, numpy 2.4.6, scipy 1.17.1, Python 3.11.
"""

import csv
import pathlib
import sys
import tempfile

from SigProfilerAssignment import Analyzer


def main():
    samples, out = sys.argv[1:]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        ten = folder / "ten.txt"
        lines = pathlib.Path(samples).read_text().splitlines()
        ten.write_text("".join("\t".join(line.split("\t")[:11]) + "\n" for line in lines))
        for method, background in [("sparse", True), ("sparse_without_background", False)]:
            output = folder / method
            Analyzer.cosmic_fit(
                samples=str(ten), output=str(output), input_type="matrix", context_type="96",
                genome_build="GRCh37", cosmic_version=3.4, make_plots=False,
                sample_reconstruction_plots=None, cpu=1, add_background_signatures=background,
            )
            found = next(output.rglob("*_Activities.txt")).read_text().splitlines()
            names = found[0].split("\t")[1:]
            for line in found[1:]:
                sample, *values = line.split("\t")
                rows += [[method, sample, name, value]
                         for name, value in zip(names, values) if float(value) > 0]
    with open(out, "w") as file:
        file.write("# SigProfilerAssignment 1.1.5, COSMIC v3.4 GRCh37; made by genomics_signatures.py\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "sample", "signature", "mutations"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
