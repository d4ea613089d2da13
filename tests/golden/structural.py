"""Counts structural events of real files, independently of the Rust code.

Only Python's standard library: `python3 structural.py SHARED > structural.csv`, where SHARED holds
data/genomics/svannotation, scout and cbioportal-core. Mates are found by walking a graph whose edges
are MATEID, PARID and mirrored positions; each connected pair is one event.
"""

import csv
import gzip
import platform
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

BREAK = re.compile(r"^([^\[\]]*)([\[\]])(.+):(\d+)([\[\]])([^\[\]]*)$")
SYMBOLS = {"DEL": "deletion", "DUP": "duplication", "TDUP": "duplication", "INVDUP": "duplication",
           "INV": "inversion", "INS": "insertion"}
JOINS = {"3to5": "deletion", "5to3": "duplication", "3to3": "inversion", "5to5": "inversion",
         "+-": "deletion", "-+": "duplication", "++": "inversion", "--": "inversion"}


def bare(chromosome):
    return re.sub("^chr", "", chromosome)


def break_class(chromosome, position, match, reference):
    before, bracket, mate, at, _, after = match.groups()
    if bare(mate) != chromosome:
        return "translocation", None
    distance = abs(int(at) - position)
    here = "+" if before else "-"
    there = "+" if bracket == "]" else "-"
    inserted = len(before + after) - len(reference)
    if here == there:
        return "inversion", distance
    if inserted > 0 and inserted >= 0.7 * distance:
        return "insertion", inserted
    # The side on the left keeps the bases before it when something between is gone.
    left = here if position < int(at) else there
    return ("deletion" if left == "+" else "duplication"), distance


def symbol_class(symbol, info, chromosome):
    if bare(info.get("CHR2", chromosome)) != chromosome:
        return "translocation"
    name = re.split("[:/]", symbol)[0]
    if name in SYMBOLS:
        return SYMBOLS[name]
    if re.match(r"CN\d", name):
        return "deletion" if name in ("CN0", "CN1") else "duplication"
    if name in ("TRA", "BND", "CTX", "ITX"):
        return JOINS.get(info.get("CT", info.get("STRANDS", "")[:2]), "other")
    return SYMBOLS.get(re.split("[:/]", info.get("SVTYPE", ""))[0], "other")


def records(path):
    text = gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            chromosome, position, name, reference, alternates, _, passed, info = line.split("\t")[:8]
            info = dict(part.split("=", 1) if "=" in part else (part, "") for part in info.split(";"))
            for alternate in alternates.split(","):
                yield bare(chromosome), int(position), name, reference, alternate, passed, info


def events(path):
    """Pairs of (class, length) for each event of which any record passed."""
    found, breaks = [], []
    for chromosome, position, name, reference, alternate, passed, info in records(path):
        ok = passed in ("PASS", ".", "")
        match = BREAK.match(alternate)
        if match and not alternate.startswith("<"):
            mate = info.get("MATEID") or info.get("PARID")
            mirror = (bare(match[3]), int(match[4]))
            what = break_class(chromosome, position, match, reference)
            breaks.append((name, mate, (chromosome, position), mirror, what, ok))
        elif len(alternate) > 1 and "." in (alternate[0], alternate[-1]):
            found.append(("single_breakend", None, ok))
        elif alternate.startswith("<"):
            if alternate in ("<*>", "<NON_REF>"):
                continue
            kind = symbol_class(alternate[1:-1], info, chromosome)
            length = abs(int(info["SVLEN"].split(",")[0])) if "SVLEN" in info else 0
            end = info.get("POS2", info.get("END"))
            if kind != "insertion" and end and kind != "translocation":
                length = abs(int(end) - position) or length
            found.append((kind, length or None, ok))
        elif re.match("^[ACGTNacgtn]+$", alternate) and "SVTYPE" in info or (
            re.match("^[ACGTNacgtn]+$", alternate) and abs(len(alternate) - len(reference)) >= 50
        ):
            difference = len(alternate) - len(reference)
            kind = SYMBOLS.get(re.split("[:/]", info.get("SVTYPE", ""))[0])
            if kind == "inversion" and reference != alternate:
                found.append((kind, len(reference), ok))
            elif difference:
                if kind != "duplication":
                    kind = "insertion" if difference > 0 else "deletion"
                found.append((kind, abs(difference), ok))
    used = [False] * len(breaks)
    by_name = defaultdict(list)
    for number, one in enumerate(breaks):
        by_name[one[0]].append(number)

    def mates(number, test):
        return [other for other in test(number) if other != number and not used[other]]

    by_place = defaultdict(list)
    for number, one in enumerate(breaks):
        by_place[one[2], one[3]].append(number)
    named = lambda n: [o for o in by_name.get(breaks[n][1], []) if breaks[o][1] == breaks[n][0]]
    mirrored = lambda n: by_place.get((breaks[n][3], breaks[n][2]), [])
    for test in (named, mirrored, None):
        for number, one in enumerate(breaks):
            if used[number]:
                continue
            others = mates(number, test) if test else []
            if others or not test:
                used[number] = True
                ok = one[5]
                if others:
                    used[others[0]] = True
                    ok = ok or breaks[others[0]][5]
                found.append((*one[4], ok))
    return [(kind, length) for kind, length, ok in found if ok]


def counts(path):
    found = events(path)
    kinds = Counter(kind for kind, _ in found)
    features = {"sv_count": len(found)}
    for kind in ("deletion", "duplication", "inversion", "insertion", "translocation",
                 "single_breakend", "other"):
        features[f"sv_{kind}_count"] = kinds[kind]
    edges = [("below_1kb", 0, 1e3), ("1kb_to_10kb", 1e3, 1e4), ("10kb_to_100kb", 1e4, 1e5),
             ("100kb_to_1mb", 1e5, 1e6), ("1mb_to_10mb", 1e6, 1e7), ("above_10mb", 1e7, 1e12)]
    for kind in ("deletion", "duplication", "inversion"):
        for name, low, high in edges:
            sizes = [size for other, size in found if other == kind and size is not None]
            features[f"sv_{kind}_{name}_count"] = sum(low <= size < high for size in sizes)
    return features


FILES = """
COLO829.10X.longranger.largeSVs.vcf COLO829.nanopore.sniffles.vcf COLO829T.purple.sv.ann.vcf.gz
colo829_nanoSV_truth_overlap.vcf colo829_somatic_gridss.vcf.gz colo829_somatic_manta.vcf
colo829_somatic_novobreak.vcf truthset_somaticSVs_COLO829.vcf MT.vcf breakend.vcf crest.vcf
gridss-missingPartner.vcf gridss-na12878.vcf gridss.vcf vcf4.2.example.sv.vcf
na12878_chr22_Sudmunt2015.vcf na12878_chr22_crest.vcf na12878_chr22_hydra.vcf representations.vcf
simple.vcf tigra-0.3.7.vcf breakdancer-1.4.5.vcf multipleAltSVs.vcf
""".split()


def fusions(rows, sample, first, second):
    """Rows as (sample, gene, gene), in either order."""
    pairs = [row[1:] for row in rows if row[0] == sample]
    return {
        f"fusion_{first}-{second}": int((first, second) in pairs or (second, first) in pairs),
        f"sv_count_{first}": sum(first in pair for pair in pairs),
    }


def table(path):
    return list(csv.DictReader(path.read_text().splitlines(), delimiter="\t"))


def fusion_files(genomics):
    path = genomics / "cbioportal-core/tests/test_data/study_es_0/data_structural_variants.txt"
    rows = [(r["Sample_Id"], r["Site1_Hugo_Symbol"], r["Site2_Hugo_Symbol"]) for r in table(path)]
    for sample in sorted({row[0] for row in rows}) + ["nobody"]:
        counted = {"sv_count": sum(row[0] == sample for row in rows)}
        yield path, sample, counted | fusions(rows, sample, "KIAA1549", "BRAF")
    for build in ("grch37", "grch38"):
        path = genomics / f"pcgr/examples/T001-BRCA.{build}.fusions.tsv"
        rows = [("", *row["FusionGene"].split("--")) for row in table(path)]
        for pair in (("EWSR1", "FLI1"), ("EML4", "ALK"), ("KIAA1549", "BRAF")):
            yield path, "", fusions(rows, "", *pair)
    path = genomics / "scout/scout/demo/fusion_data.vcf.gz"
    rows = [("", info["GENEA"], info["GENEB"]) for *_, info in records(path)]
    for pair in (("EWSR1", "FLI1"), ("EML4", "ALK"), ("CNOT4", "YIPF5")):
        yield path, "", fusions(rows, "", *pair) | {"sv_count": len(rows)}


def annotated(path, genes):
    """Events with a record whose VEP entries put it in a gene, not only near one."""
    text = gzip.open(path, "rt").read()
    names = re.search(r'ID=CSQ.*Format: ([^"]*)', text)[1].split("|")
    hits = defaultdict(set)
    for _, _, name, _, _, passed, info in records(path):
        event = min(name, info.get("MATEID", name))
        for entry in info.get("CSQ", "").split(","):
            entry = dict(zip(names, entry.split("|")))
            terms = set(entry.get("Consequence", "").split("&"))
            near = {"", "upstream_gene_variant", "downstream_gene_variant", "intergenic_variant"}
            if passed == "PASS" and terms - near:
                hits[entry["SYMBOL"]].add(event)
    return {f"sv_count_{gene}": len(hits[gene]) for gene in genes}


def main():
    genomics = Path(sys.argv[1]) / "data" / "genomics"
    print(f"# Python {platform.python_version()}, made by structural.py")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["file", "sample", "feature", "value"])
    paths = [genomics / "svannotation/inst/extdata" / name for name in FILES]
    for path in paths:
        for feature, value in counts(path).items():
            if value or feature == "sv_count":
                out.writerow([path.relative_to(genomics), "", feature, value])
    path = genomics / "scout/scout/demo/manta_vep_94_annotated_sv_cancer_file.vcf.gz"
    genes = ["CAMTA1", "ERG", "TMPRSS2", "WRAP73", "PRDM16", "PANK4"]
    for feature, value in (counts(path) | annotated(path, genes)).items():
        out.writerow([path.relative_to(genomics), "999-99", feature, value])
    for path, sample, features in fusion_files(genomics):
        for feature, value in features.items():
            out.writerow([path.relative_to(genomics), sample, feature, value])


main()
