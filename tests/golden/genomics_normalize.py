"""Random indels in repeats, and what `bcftools norm` makes of them.

`python3 genomics_normalize.py FOLDER` writes genomics_normalize.fa, .vcf and .csv there. The
sequence is made of short repeats, so that most indels can be written in many ways; the last
column of the CSV tells how often bcftools gave that variant.
"""

import collections
import random
import subprocess
import sys
from pathlib import Path

SEED = 20
LENGTHS = {"1": 3000, "chr2": 1500, "MT": 400}
RECORDS = 400


def sequence(random_source, length):
    bases = ""
    while len(bases) < length:
        unit = "".join(random_source.choices("ACGT", k=random_source.choice([1, 1, 2, 3, 4, 6])))
        bases += unit * random_source.choice([1, 2, 3, 5, 9])
        if random_source.random() < 0.02:
            bases += "N" * 3
    bases = bases[:length]
    start = length // 3
    return bases[:start] + bases[start : start + 200].lower() + bases[start + 200 :]


def alternate(random_source, reference, following):
    """An allele other than REF that begins in the same place."""
    kind = random_source.random()
    if kind < 0.35 and len(reference) > 1:
        return reference[: random_source.randint(1, len(reference) - 1)]
    if kind < 0.45 and len(reference) > 1:
        return reference[-random_source.randint(1, len(reference) - 1) :]
    if kind < 0.75:
        # More of the repeat that follows.
        return reference + following[: random_source.randint(1, 6)]
    if kind < 0.85:
        return reference + "".join(random_source.choices("ACGT", k=random_source.randint(1, 5)))
    return "".join(random_source.choices("ACGT", k=random_source.randint(1, 4)))


def main():
    folder = Path(sys.argv[1])
    source = random.Random(SEED)
    genome = {name: sequence(source, length) for name, length in LENGTHS.items()}
    fasta = folder / "genomics_normalize.fa"
    with fasta.open("w") as file:
        for name, bases in genome.items():
            file.write(f">{name}\n")
            file.writelines(bases[i : i + 70] + "\n" for i in range(0, len(bases), 70))
    vcf = folder / "genomics_normalize.vcf"
    with vcf.open("w") as file:
        file.write("##fileformat=VCFv4.2\n")
        file.writelines(f"##contig=<ID={n},length={len(b)}>\n" for n, b in genome.items())
        file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for name, bases in genome.items():
            places = [1, 1, 2, 3] + source.choices(range(1, len(bases) - 12), k=RECORDS // 3)
            for place in sorted(places):
                size = source.choice([1, 1, 2, 3, 5, 8])
                reference = bases[place - 1 : place - 1 + size].upper()
                following = bases[place - 1 + size : place + size + 6].upper()
                count = source.choice([1, 1, 1, 2, 3])
                found = {alternate(source, reference, following) for _ in range(count)}
                found = sorted(a for a in found - {reference} if a and "N" not in a + reference)
                if found:
                    row = [name, place, ".", reference, ",".join(found), ".", "PASS", "."]
                    file.write("\t".join(map(str, row)) + "\n")
    command = ["bcftools", "norm", "-f", fasta, "-m", "-any", vcf]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines() if not line.startswith("#")]
    # bcftools keeps the lower case of the FASTA, which means nothing in a VCF.
    counts = collections.Counter((r[0], int(r[1]), r[3].upper(), r[4].upper()) for r in rows)
    version = subprocess.run(["bcftools", "--version"], capture_output=True, text=True).stdout
    with (folder / "genomics_normalize.csv").open("w") as file:
        file.write(f"# {version.splitlines()[0]}, made by genomics_normalize.py\n")
        file.write("chromosome,position,reference,alternate,records\n")
        for variant, count in sorted(counts.items()):
            file.write(",".join(map(str, variant)) + f",{count}\n")
    for index in folder.glob("genomics_normalize.fa.fai"):
        index.unlink()


main()
