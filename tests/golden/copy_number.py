"""Copy number features of a made-up table and of real files, independently of the Rust code.

    python3 copy_number.py table > copy_number_ascat.tsv
    python3 copy_number.py values SHARED > copy_number.csv

`table` writes the segments of four tumors that never were. `values` needs CNVkit, which turns its
own .cns into SEG, and SHARED with data/genomics (maftools, cnvkit, pcgr, cbioportal-core). Only the
features that need no scores of homologous recombination deficiency: those are in
copy_number_scars.R, by scarHRD.
"""

import csv
import gzip
import io
import platform
import random
import subprocess
import sys
from pathlib import Path

# Ends of the last cytogenetic band, GRCh38.
LENGTHS = [
    248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636,
    138394717, 133797422, 135086622, 133275309, 114364328, 107043718, 101991189, 90338345,
    83257441, 80373285, 58617616, 64444167, 46709983, 50818468,
]
GENES = {
    "GRCh38": {"MYC": ("8", 127735434, 127742951), "TP53": ("17", 7668402, 7687550),
               "CDKN2A": ("9", 21967752, 21995301), "ERBB2": ("17", 39687914, 39730426)},
    "GRCh37": {"MYC": ("8", 128747680, 128755197), "TP53": ("17", 7565097, 7590856),
               "CDKN2A": ("9", 21967751, 21995300), "ERBB2": ("17", 37844167, 37886679)},
}
ARMS = {
    "GRCh38": {"8q": ("8", 47200001, 145138636), "17p": ("17", 1, 22700000)},
    "GRCh37": {"8q": ("8", 48100001, 146364022), "17p": ("17", 1, 22200000)},
}


def table():
    """ASCAT's columns; segments from 0.2 to 80 Mb, some with gaps between them."""
    random.seed(20)
    print("sample\tchr\tstartpos\tendpos\tnMajor\tnMinor")
    for sample, (base, restless) in enumerate([(1, 0.2), (1, 0.8), (2, 0.7), (3, 0.6)], 1):
        for chromosome, length in enumerate(LENGTHS, 1):
            start = random.randint(10_000, 3_000_000)
            while start < length - 200_000:
                size = int(10 ** random.uniform(5.3, 7.9))
                end = min(length - random.randint(0, 50_000), start + size)
                major, minor = base, min(base, 2)
                if random.random() < restless:
                    major = random.choice([0, 1, 1, 2, 2, 3, 4, 6, 12])
                    minor = random.randint(0, min(major, 2))
                print(f"T{sample}\t{chromosome}\t{start}\t{end}\t{major}\t{minor}")
                start = end + (random.randint(1, 5_000_000) if random.random() < 0.2 else 1)


def bases(stretches):
    """The number of bases that stretches of one chromosome cover together, by sweeping."""
    total, reached = 0, 0
    for start, end in sorted(stretches):
        start = max(start, reached + 1)
        if end >= start:
            total, reached = total + end - start + 1, end
    return total


def covered(rows):
    chromosomes = {row["chromosome"] for row in rows}
    return sum(
        bases([(r["start"], r["end"]) for r in rows if r["chromosome"] == c]) for c in chromosomes
    )


def share(rows, test):
    told = [row for row in rows if test(row) is not None]
    return covered([row for row in told if test(row)]) / covered(told) if told else ""


def mean(rows, place, key):
    chromosome, start, end = place
    total, weight = 0.0, 0
    for row in rows:
        if row["chromosome"] == chromosome and row.get(key) is not None:
            overlap = min(end, row["end"]) - max(start, row["start"]) + 1
            if overlap > 0:
                total, weight = total + overlap * row[key], weight + overlap
    return total / weight if weight else ""


def features(rows, build, threshold=0.2):
    """`rows` with chromosome, start, end and log2 or copies and minor."""
    autosomes = [row for row in rows if row["chromosome"].isdigit()]

    def gained(row):
        return row["log2"] > threshold if row.get("log2") is not None else round(row["copies"]) > 2

    def lost(row):
        return row["log2"] < -threshold if row.get("log2") is not None else round(row["copies"]) < 2

    found = {
        "cnv_fraction_altered": share(autosomes, lambda row: gained(row) or lost(row)),
        "cnv_gain_fraction": share(autosomes, gained),
        "cnv_loss_fraction": share(autosomes, lost),
        "cnv_segment_count": len(autosomes),
    }
    absolute = [row for row in autosomes if row.get("copies") is not None]
    allelic = [row for row in absolute if row.get("minor") is not None]
    length = sum(row["end"] - row["start"] + 1 for row in absolute)
    weighted = sum(row["copies"] * (row["end"] - row["start"] + 1) for row in absolute)
    ploidy = weighted / length if length else ""
    found["cnv_ploidy"] = ploidy
    doubled = share(allelic, lambda row: row["copies"] - row["minor"] >= 2)
    found["cnv_genome_doubling"] = int(doubled > 0.5) if allelic else ""
    found["cnv_loh_fraction"] = share(allelic, lambda row: row["minor"] == 0)
    count = lambda test: sum(map(test, absolute)) if absolute else ""
    found["cnv_homozygous_deletion_count"] = count(lambda row: row["copies"] == 0)
    found["cnv_amplification_count"] = count(lambda row: row["copies"] >= (9 if ploidy > 2.7 else 5))
    for gene, place in GENES[build].items():
        found[f"copy_number_log2_{gene}"] = mean(rows, place, "log2")
        found[f"copy_number_{gene}"] = mean(rows, place, "copies")
        found[f"minor_copy_number_{gene}"] = mean(rows, place, "minor")
    for arm, place in ARMS[build].items():
        found[f"copy_number_log2_arm_{arm}"] = mean(rows, place, "log2")
        found[f"copy_number_arm_{arm}"] = mean(rows, place, "copies")
    return found


def read(text):
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def open_text(path):
    return gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text()


def seg(text, chromosome, start, end, ratio, sample):
    by_sample = {}
    for row in read(text):
        name = row[chromosome].removeprefix("chr")
        name = {"23": "X", "24": "Y"}.get(name, name)
        segment = {"chromosome": name, "start": int(float(row[start])),
                   "end": int(float(row[end])), "log2": float(row[ratio])}
        by_sample.setdefault(row[sample], []).append(segment)
    return by_sample


def alleles(text, chromosome, start, end, sample=None):
    by_sample = {}
    for row in read(text):
        major, minor = int(row["nMajor"]), int(row["nMinor"])
        segment = {"chromosome": row[chromosome].removeprefix("chr"), "start": int(row[start]),
                   "end": int(row[end]), "copies": major + minor, "minor": min(major, minor)}
        by_sample.setdefault(row[sample] if sample else "", []).append(segment)
    return by_sample


def cnvkit(path):
    """CNVkit counts from 0; its own export to SEG counts from 1."""
    command = [sys.executable, "-m", "cnvlib.cnvkit", "export", "seg", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (rows,) = seg(text, "chrom", "loc.start", "loc.end", "seg.mean", "ID").values()
    for row, called in zip(rows, read(path.read_text()), strict=True):
        row["copies"] = int(called["cn"]) if "cn" in called else None
    return {"": rows}


def matrix(text, unit):
    rows = read(text)
    names = [name for name in rows[0] if name not in ("Hugo_Symbol", "Entrez_Gene_Id")]
    for sample in names[::150]:
        values = {row["Hugo_Symbol"]: row[sample] for row in rows}
        found = {f"copy_number_{unit}_{gene}": values[gene] for gene in ("BRCA1", "BRCA2", "AGRN")
                 if gene in values}
        if unit == "level":
            found["cnv_amplified_gene_count"] = list(values.values()).count("2")
            found["cnv_deleted_gene_count"] = list(values.values()).count("-2")
        yield sample, found


def values(shared):
    import cnvlib

    print(f"# Python {platform.python_version()}, CNVkit {cnvlib.__version__}, made by copy_number.py")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["file", "build", "sample", "feature", "value"])
    genomics = shared / "data" / "genomics"

    def write(path, build, samples):
        name = path.relative_to(genomics) if path.is_relative_to(genomics) else path.name
        for sample, found in samples:
            for feature, value in found.items():
                out.writerow([name, build, sample, feature, value])

    def segments(path, build, by_sample, step=1):
        write(path, build, [(s, features(r, build)) for s, r in list(by_sample.items())[::step]])

    made = Path(__file__).with_name("copy_number_ascat.tsv")
    segments(made, "GRCh38", alleles(made.read_text(), "chr", "startpos", "endpos", "sample"))
    for build in ("GRCh38", "GRCh37"):
        path = genomics / f"pcgr/examples/T001-BRCA.{build.lower()}.cna.tsv"
        segments(path, build, alleles(path.read_text(), "Chromosome", "Start", "End"))
    path = genomics / "maftools/inst/extdata/TCGA.AB.3009.hg19.seg.txt"
    columns = ("Chromosome", "Start", "End", "Segment_Mean", "Sample")
    segments(path, "GRCh37", seg(open_text(path), *columns))
    path = genomics / "cbioportal-core/tests/test_data/study_es_0/data_cna_hg19.seg"
    dnacopy = ("chrom", "loc.start", "loc.end", "seg.mean", "ID")
    segments(path, "GRCh37", seg(open_text(path), *dnacopy))
    path = genomics / "cnvkit/test/formats/cw-tr-log2.seg"
    segments(path, "GRCh37", seg(open_text(path), *dnacopy), 20)
    for name in ("tr95t.cns", "nv3.cns", "cl_seq.cns", "regression/p2-9_2.call.cns"):
        path = genomics / "cnvkit/test/formats" / name
        segments(path, "GRCh37", cnvkit(path))
    study = genomics / "cbioportal-core/tests/test_data"
    for name, unit in (("study_es_0/data_cna_log2.txt", "log2"),
                       ("study_es_0_legacy_cna_discrete/data_cna_discrete.txt", "level")):
        write(study / name, "GRCh37", matrix((study / name).read_text(), unit))


table() if sys.argv[1] == "table" else values(Path(sys.argv[2]))
