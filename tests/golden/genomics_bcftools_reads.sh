#!/usr/bin/env bash
# Lists the real VCF and BCF files that bcftools reads from their first to their last record.
#
# usage: genomics_bcftools_reads.sh SHARED > genomics_bcftools_reads.txt     (needs bcftools)
#
# SHARED holds data/genomics. bcftools' own expected outputs end in `.out`; those that are no VCF
# it refuses itself.
set -euo pipefail
export LC_ALL=C

cd "$1/data/genomics"
echo "# $(bcftools --version | head -n 1), made by genomics_bcftools_reads.sh"
find . -type f \( -name '*.vcf' -o -name '*.vcf.gz' -o -name '*.bcf' -o -name '*.out' \) -printf '%P\n' |
    sort |
    while read -r path; do
        if bcftools view "$path" < /dev/null > /dev/null 2>&1; then
            echo "$path"
        fi
    done
