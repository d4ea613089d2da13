"""Sums a made polygenic score with plink2, on genotypes and on imputed dosages.

`python3 genomics_polygenic.py PLINK2 > genomics_polygenic.json` needs plink2 2.00a3.5 (Debian's
package `plink2`) and Python's standard library. plink2 finds variants by their ID, we by their place;
missing genotypes add nothing (`no-mean-imputation`).
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

PLINK2 = sys.argv[1]
SAMPLES = ["P1", "P2", "P3", "P4"]
HEADER = [
    "##fileformat=VCFv4.2",
    "##contig=<ID=1,length=100000>",
    "##contig=<ID=2,length=100000>",
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    '##FORMAT=<ID=DS,Number=A,Type=Float,Description="Dosage">',
]
# No pair is its own complement, and plink2 looks at one strand alone.
PAIRS = ["AC", "AG", "CA", "CT", "GA", "GT", "TC", "TG"]


def cohort(seed, dosages):
    """A VCF and the rows of a score: id, chromosome, position, effect, other, weight."""
    generator = random.Random(seed)
    records, rows = [], []
    for index in range(60):
        chromosome, position = 1 + index // 30, 100 * (index + 1)
        reference, alternate = generator.choice(PAIRS)
        cells = []
        for _ in SAMPLES:
            genotype = generator.choice(["0/0", "0/1", "1/1", "1|0", "./."])
            # In 1/16384: what plink2 stores is exact.
            dosage = generator.randrange(0, 2 * 16384 + 1) / 16384
            cells.append(f"{genotype}:{dosage}" if dosages else genotype)
        keys = "GT:DS" if dosages else "GT"
        records.append(
            [str(chromosome), str(position), f"rs{index}", reference, alternate, ".", "PASS", ".", keys]
            + cells
        )
        if index % 10:
            effect, other = generator.sample([reference, alternate], 2)
            weight = round(generator.uniform(-1, 1), 4)
            rows.append([f"rs{index}", str(chromosome), str(position), effect, other, str(weight)])
    columns = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".split() + SAMPLES
    lines = HEADER + ["\t".join(row) for row in [columns] + records]
    return "\n".join(lines) + "\n", rows


def plink2(vcf, rows, dosages):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "g.vcf").write_text(vcf)
        (folder / "s.txt").write_text("".join("\t".join(row) + "\n" for row in rows))
        source = [folder / "g.vcf"] + (["dosage=DS"] if dosages else [])
        command = [PLINK2, "--vcf", *source, "--score", folder / "s.txt", "1", "4", "6",
                   "cols=+scoresums", "no-mean-imputation", "--out", folder / "o"]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        header, *lines = (folder / "o.sscore").read_text().splitlines()
        header = header.lstrip("#").split("\t")
        lines = [dict(zip(header, line.split("\t"))) for line in lines]
        sums = next(name for name in header if name.endswith("_SUM") and name.startswith("SCORE"))
        return {line["IID"]: float(line[sums]) for line in lines}


cases = []
for name, seed, dosages in [("genotypes", 1, False), ("dosages", 2, True)]:
    vcf, rows = cohort(seed, dosages)
    head = "rsID chr_name chr_position effect_allele other_allele effect_weight".split()
    score = "#pgs_id=PGS000000\n" + "".join("\t".join(row) + "\n" for row in [head] + rows)
    cases.append({"name": name, "vcf": vcf, "score": score, "sums": plink2(vcf, rows, dosages)})
version = subprocess.run([PLINK2, "--version"], capture_output=True, text=True, check=True).stdout
made = {"made_by": "genomics_polygenic.py", "plink2": version.strip(), "cases": cases}
json.dump(made, sys.stdout, indent=1)
print()
