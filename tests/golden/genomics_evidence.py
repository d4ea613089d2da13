"""Depths that vcf2maf gives to every ALT of every record of its own test files.

`python3 genomics_evidence.py SHARED VCF2MAF > genomics_evidence.csv`: SHARED holds
data/genomics/vcf2maf/tests (mskcc/vcf2maf, commit bf53e52d), VCF2MAF is its `vcf2maf.pl` or any
file with the function `FixAlleleDepths`, which Perl runs here unchanged. The rows hold the
number of the record, that of the ALT, and depth, reference and ALT of the tumor and the normal.
"""

import platform
import re
import subprocess
import sys
from pathlib import Path

CALLERS = "mutect strelka varscan muse radia sniper pindel delly merged b38"
DRIVER = r"""
while( my $line = <STDIN> ) {
    chomp( $line );
    my ( $number, $index, $alleles, $format, @columns ) = split( /\t/, $line, -1 );
    my @cells = ( $number, $index );
    foreach my $column ( @columns ) {
        my @alleles = split( /,/, $alleles );
        my ( @keys, @values, %info ) = ();
        @keys = split( /:/, $format );
        @values = split( /:/, $column );
        for my $place ( 0 .. $#values ) { $info{$keys[$place]} = $values[$place]; }
        FixAlleleDepths( \@alleles, $index, \%info );
        my @depths = split( /,/, $info{AD} );
        foreach my $told ( $info{DP}, $depths[0], $depths[$index] ) {
            push( @cells, defined $told && $told ne "." ? $told : "" );
        }
    }
    print join( ",", @cells ), "\n";
}
"""


def records(path):
    """Number, ALT, alleles, FORMAT, tumor and normal of each ALT of each record."""
    number = 0
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        if line.startswith("#CHROM"):
            tumor = next(p for p, name in enumerate(fields) if name in ("TUMOR", "DNA_TUMOR"))
            normal = next(p for p, name in enumerate(fields) if name in ("NORMAL", "DNA_NORMAL"))
        elif not line.startswith("#"):
            number += 1
            alternates = fields[4].split(",")
            for index in range(1, len(alternates) + 1):
                alleles = ",".join([fields[3], *alternates])
                yield number, index, alleles, fields[8], fields[tumor], fields[normal]


def main():
    tests = Path(sys.argv[1]) / "data" / "genomics" / "vcf2maf" / "tests"
    source = Path(sys.argv[2]).read_text()
    function = re.search(r"^sub FixAlleleDepths \{.*?^\}", source, re.MULTILINE | re.DOTALL)[0]
    perl = subprocess.run(["perl", "-e", "print $^V"], capture_output=True, text=True).stdout
    print(f"# Python {platform.python_version()}, Perl {perl}, made by genomics_evidence.py")
    print("file,record,alt,t_depth,t_ref,t_alt,n_depth,n_ref,n_alt")
    for caller in [*CALLERS.split(), ""]:
        name = f"test_{caller}.vcf" if caller else "test.vcf"
        rows = "".join("\t".join(map(str, row)) + "\n" for row in records(tests / name))
        done = subprocess.run(
            ["perl", "-e", function + DRIVER],
            input=rows, capture_output=True, text=True, check=True,
        )
        for row in done.stdout.splitlines():
            print(f"{name},{row}")


main()
