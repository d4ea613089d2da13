"""Counts variants and altered bases of real files, independently of the Rust code.

Only Python's standard library: `python3 genomics_real.py SHARED > genomics_real.csv`, where
SHARED holds data/genomics/maftools (tcga_laml.maf.gz, LAML_CBS_segments.tsv.gz) and
data/genomics/pcgr (T001-BRCA.grch38.vcf.gz, T001-COAD.grch38.vcf.gz) and data/genomics/large
(test-sage2-rna.vcf.gz).
"""

import csv
import gzip
import platform
import statistics
import sys
from collections import defaultdict
from pathlib import Path

NONSYNONYMOUS = set(
    "Frame_Shift_Del Frame_Shift_Ins Splice_Site Translation_Start_Site Nonsense_Mutation "
    "Nonstop_Mutation In_Frame_Del In_Frame_Ins Missense_Mutation".split()
)
TRUNCATING = set(
    "Frame_Shift_Del Frame_Shift_Ins Splice_Site Translation_Start_Site Nonsense_Mutation".split()
)
GENES = ["FLT3", "DNMT3A", "NPM1", "IDH2", "TET2", "RUNX1", "TP53", "CEBPA"]
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def maf(path):
    """One dictionary of features for each barcode; `Variant_Type` decides the kind here."""
    with gzip.open(path, "rt", encoding="latin-1") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    by_sample = defaultdict(list)
    for row in rows:
        by_sample[row["Tumor_Sample_Barcode"]].append(row)
    for barcode, rows in sorted(by_sample.items()):
        seen = {}
        for row in rows:
            key = (row["Chromosome"], row["Start_Position"], row["Reference_Allele"],
                   row["Tumor_Seq_Allele2"])
            seen.setdefault(key, row)
        unique = list(seen.values())
        of_class = lambda classes: sum(row["Variant_Classification"] in classes for row in unique)
        snvs = [row for row in unique if row["Variant_Type"] == "SNP"]
        pairs = [(row["Reference_Allele"], row["Tumor_Seq_Allele2"]) for row in snvs]
        pairs = [p if p[0] in "CT" else tuple(b.translate(COMPLEMENT) for b in p) for p in pairs]
        vafs = [float(row["i_TumorVAF_WU"]) / 100 for row in unique if row["i_TumorVAF_WU"]
                not in ("", "NA")]
        features = {
            "variant_count": len(unique),
            "nonsynonymous_count": of_class(NONSYNONYMOUS),
            "truncating_count": of_class(TRUNCATING),
            "missense_count": of_class({"Missense_Mutation"}),
            "snv_count": len(snvs),
            "indel_count": sum(row["Variant_Type"] in ("INS", "DEL") for row in unique),
            "vaf_mean": statistics.fmean(vafs) if vafs else "",
            "vaf_median": statistics.median(vafs) if vafs else "",
            "cytosine_to_thymine_fraction": pairs.count(("C", "T")) / len(pairs) if pairs else "",
        }
        for gene in GENES:
            found = {row["Variant_Classification"] for row in rows if row["Hugo_Symbol"] == gene}
            features[f"driver_{gene}"] = int(bool(found & NONSYNONYMOUS))
            features[f"driver_{gene}_truncating"] = int(bool(found & TRUNCATING))
        yield barcode, features


def segments(path, threshold=0.2):
    """Shares of altered bases; no two segments of this file overlap."""
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    by_sample = defaultdict(list)
    for row in rows:
        if row["Chromosome"] in map(str, range(1, 23)):
            length = int(row["End.bp"]) - int(row["Start.bp"]) + 1
            by_sample[row["Sample"]].append((length, float(row["Seg.CN"])))
    for sample, rows in sorted(by_sample.items()):
        total = sum(length for length, _ in rows)
        yield sample, {
            "cnv_fraction_altered": sum(n for n, value in rows if abs(value) > threshold) / total,
            "cnv_gain_fraction": sum(n for n, value in rows if value > threshold) / total,
            "cnv_loss_fraction": sum(n for n, value in rows if value < -threshold) / total,
            "cnv_segment_count": len(rows),
        }


def vcf(path):
    """One tumor, no annotation; every record of these files has one ALT."""
    kinds = defaultdict(int)
    with gzip.open(path, "rt") as file:
        for line in file:
            if line.startswith("#"):
                continue
            _, _, _, ref, alt, _, passed = line.split("\t")[:7]
            assert "," not in alt and "<" not in alt
            if passed in ("PASS", "."):
                kinds["variant_count"] += 1
                kinds["snv_count"] += len(ref) == len(alt) == 1
                kinds["indel_count"] += len(ref) != len(alt)
    return kinds


# One most severe SO term of each MAF class, ordered as on Ensembl's page of consequences.
SEVERITY = [
    ("truncating", "splice_acceptor_variant splice_donor_variant"),
    ("truncating", "stop_gained"),
    ("truncating", "frameshift_variant"),
    ("other", "stop_lost"),
    ("truncating", "start_lost"),
    ("other", "inframe_insertion inframe_deletion protein_altering_variant"),
    ("missense", "missense_variant coding_sequence_variant"),
]


def rank(consequence):
    terms = set(consequence.split("&"))
    ranks = [place for place, (_, names) in enumerate(SEVERITY) if terms & set(names.split())]
    return min(ranks, default=len(SEVERITY))


def sage(path, tumor, normal):
    """VEP's consequences: of each gene the canonical transcript, else the most severe."""
    features = defaultdict(int)
    genes, fractions = defaultdict(set), []
    with gzip.open(path, "rt") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if "ID=CSQ," in line:
                names = line.split("Format: ")[1].split('"')[0].split("|")
            elif line.startswith("#CHROM"):
                column, germline = fields.index(tumor), fields.index(normal)
            if line.startswith("#") or fields[6] != "PASS":
                continue
            sample = dict(zip(fields[8].split(":"), fields[column].split(":")))
            if "1" not in sample["GT"] or "1" in fields[germline].split(":")[0]:
                continue
            reference, alternate = map(int, sample["AD"].split(","))
            if reference + alternate:
                fractions.append(alternate / (reference + alternate))
            info = dict(part.split("=", 1) for part in fields[7].split(";") if "=" in part)
            by_gene = defaultdict(list)
            for entry in info["CSQ"].split(","):
                entry = dict(zip(names, entry.split("|")))
                if entry["SYMBOL"]:
                    by_gene[entry["SYMBOL"]].append(entry)
            worst = len(SEVERITY)
            for gene, entries in by_gene.items():
                chosen = [e for e in entries if e["CANONICAL"] == "YES"] or entries
                of_gene = min(rank(entry["Consequence"]) for entry in chosen)
                worst = min(worst, of_gene)
                if of_gene < len(SEVERITY):
                    genes[gene].add(SEVERITY[of_gene][0])
            kind = SEVERITY[worst][0] if worst < len(SEVERITY) else None
            features["variant_count"] += 1
            features["nonsynonymous_count"] += kind is not None
            features["truncating_count"] += kind == "truncating"
            features["missense_count"] += kind == "missense"
    features["vaf_mean"] = statistics.fmean(fractions)
    features["vaf_median"] = statistics.median(fractions)
    for gene in ["KRAS", "TP53", "CDKN2A", "TTN", "MUC16"]:
        features[f"driver_{gene}"] = int(gene in genes)
        features[f"driver_{gene}_truncating"] = int("truncating" in genes[gene])
    return features


def main():
    genomics = Path(sys.argv[1]) / "data" / "genomics"
    extdata = genomics / "maftools" / "inst" / "extdata"
    print(f"# Python {platform.python_version()}, made by genomics_real.py")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["file", "sample", "feature", "value"])

    def write(path, samples):
        for sample, features in samples:
            for name, value in features.items():
                out.writerow([path.name, sample, name, value])

    laml = extdata / "tcga_laml.maf.gz"
    samples = list(maf(laml))
    counts = [name for name in samples[0][1] if name.endswith("_count") or "driver" in name]
    totals = {name: sum(features[name] for _, features in samples) for name in counts}
    write(laml, samples[::20] + [("sum over all", totals)])
    cbs = extdata / "LAML_CBS_segments.tsv.gz"
    write(cbs, list(segments(cbs))[::40])
    path = genomics / "large" / "test-sage2-rna.vcf.gz"
    write(path, [("LTS_APGI_2056_T", sage(path, "LTS_APGI_2056_T", "LTS_APGI_2056_N"))])
    for name in ["BRCA", "COAD"]:
        path = genomics / "pcgr" / "examples" / f"T001-{name}.grch38.vcf.gz"
        write(path, [("", vcf(path))])


main()
