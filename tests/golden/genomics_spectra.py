"""Writes genomics_spectra.vcf, .fa and .csv: indels of a made-up chromosome and their ID83 counts.

usage: genomics_spectra.py OUT_FOLDER

The counts are those of SigProfilerMatrixGenerator's own function for indels, called on the
made-up chromosome, so that no genome has to be installed. Indels are at the left of their repeats.
Versions: SigProfilerMatrixGenerator 1.4.0, Python 3.11.
"""

import collections
import pathlib
import random
import sys
import tempfile

from SigProfilerMatrixGenerator.scripts import MutationMatrixGenerator


class Counts:
    """Stands in for a table that begins with zeros."""

    def __init__(self):
        self.at = collections.defaultdict(int)


def make_chromosome(generator):
    bases = []
    while len(bases) < 6000:
        unit = "".join(generator.choice("ACGT") for _ in range(generator.randint(1, 6)))
        bases += unit * generator.choice([1, 1, 2, 3, 4, 6, 8])
    return "".join(bases)[:6000]


def make_indels(generator, text):
    found = set()
    while len(found) < 800:
        place, length = generator.randint(100, 5800), generator.choice([1, 1, 2, 3, 4, 5, 6, 8])
        kind = generator.choice(["del", "ins", "copy"])
        changed = text[place:place + length]
        if kind == "ins":
            changed = "".join(generator.choice("ACGT") for _ in range(length))
        while text[place - 1] == changed[-1] and place > 60:
            changed, place = changed[-1] + changed[:-1], place - 1
        before = text[place - 1]
        pair = (before + changed, before) if kind == "del" else (before, before + changed)
        found.add((place, *pair))
    return sorted(found)


def count(text, indels):
    code = {"A": 0, "C": 1, "G": 2, "T": 3}
    tables = {number: ["N", base] for base, number in code.items()}
    lines = [["tumor", "1", str(place), ref, alt] for place, ref, alt in indels]
    counts = {name: Counts() for name in ["ID", "simple", "tsb", "complete"]}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "1.txt").write_bytes(bytes(code[base] for base in text))
        MutationMatrixGenerator.catalogue_generator_INDEL_single(
            counts, lines, "1", folder + "/", folder + "/", [], None, folder + "/", "made_up",
            folder + "/", False, "made_up", False, True, False, False, None, False, False, tables,
            None, False, False, str(path / "log.txt"),
        )
        print((path / "log.txt").read_text(), file=sys.stderr)
    return {channel: value for (channel, _), value in counts["ID"].at.items()}


def main():
    folder = pathlib.Path(sys.argv[1])
    generator = random.Random(83)
    text = make_chromosome(generator)
    indels = make_indels(generator, text)
    counts = count(text, indels)
    assert sum(counts.values()) == len(indels), "an indel was skipped"
    (folder / "genomics_spectra.fa").write_text(
        ">1\n" + "".join(text[at:at + 60] + "\n" for at in range(0, len(text), 60)))
    rows = "".join(f"1\t{place}\t.\t{ref}\t{alt}\t.\tPASS\t.\n" for place, ref, alt in indels)
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (folder / "genomics_spectra.vcf").write_text(head + rows)
    lines = "".join(f"{channel},{value}\n" for channel, value in sorted(counts.items()))
    note = "# SigProfilerMatrixGenerator 1.4.0; made by genomics_spectra.py\nchannel,indels\n"
    (folder / "genomics_spectra.csv").write_text(note + lines)


if __name__ == "__main__":
    main()
