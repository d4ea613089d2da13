"""How many variants three callers of one pair found, independently of the Rust code.

`python3 genomics_callers.py SHARED > genomics_callers.csv`: SHARED holds
data/genomics/vcf2maf/tests with test_muse.vcf, test_radia.vcf and test_sniper.vcf, the three
files there that hold variants of the same tumor. Their records have no bases in common at the
ends of REF and ALT, so that no variant can be written in two ways.
"""

import platform
import sys
from collections import defaultdict
from pathlib import Path


def somatic(path):
    """Each ALT that the tumor's genotype names and the normal's does not, with ALT's fraction."""
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        if line.startswith("#CHROM"):
            tumor = next(p for p, name in enumerate(fields) if name in ("TUMOR", "DNA_TUMOR"))
            normal = next(p for p, name in enumerate(fields) if name in ("NORMAL", "DNA_NORMAL"))
        if line.startswith("#"):
            continue
        chromosome, position, _, reference, alternates = fields[:5]
        assert len(reference) == 1
        tumor_values, normal_values = (
            dict(zip(fields[8].split(":"), fields[place].split(":"))) for place in (tumor, normal)
        )
        genotype = tumor_values["GT"].split("/")
        germline = normal_values["GT"].split("/")
        for index, alternate in enumerate(alternates.split(","), start=1):
            assert len(alternate) == 1
            called = str(index) in genotype or set(genotype) == {"0"}
            if not called or str(index) in germline:
                continue
            if "AD" in tumor_values:
                depths = list(map(int, tumor_values["AD"].split(",")))
                fraction = depths[index] / sum(depths)
            else:
                bases = dict(zip("ACGT", map(int, tumor_values["BCOUNT"].split(","))))
                fraction = bases[alternate] / (bases[alternate] + bases[reference])
            yield (chromosome, int(position), reference, alternate), fraction


def main():
    tests = Path(sys.argv[1]) / "data" / "genomics" / "vcf2maf" / "tests"
    found = defaultdict(dict)
    for caller in ("muse", "radia", "sniper"):
        for variant, fraction in somatic(tests / f"test_{caller}.vcf"):
            found[variant].setdefault(caller, fraction)
    print(f"# Python {platform.python_version()}, made by genomics_callers.py")
    print("min_callers,variants,vaf_mean")
    for callers in (1, 2, 3):
        kept = [next(iter(by.values())) for by in found.values() if len(by) >= callers]
        print(f"{callers},{len(kept)},{sum(kept) / len(kept)}")


main()
