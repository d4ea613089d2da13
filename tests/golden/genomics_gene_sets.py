"""Scores gene sets of a made table, with GSEApy where it can and from the papers where not.

`python3 genomics_gene_sets.py > genomics_gene_sets.json` needs gseapy 1.3.1, numpy and pandas.

ssgsea: GSEApy, `ES` (not divided by the range over samples), exponent 0.25. GSEApy takes tied genes
in the order of the table; the score of a sample with ties is therefore the mean over every order of
its tied genes, which are few here.
singscore: Foroutan et al. 2018, written out with pandas: rank(method="min"), mean rank of the set
scaled to the least and greatest mean rank of a set of its size, less 0.5.
"""

import itertools
import json
import sys

import gseapy
import numpy
import pandas

SETS = {
    "TOP": ["G00", "G05", "G10", "G15", "G20"],
    "MIXED": ["G01", "G07", "G22", "G31", "G38", "G39", "ABSENT"],
    "LARGE": [f"G{i:02}" for i in range(3, 40, 2)],
}


def table():
    generator = numpy.random.default_rng(20240607)
    genes = [f"G{i:02}" for i in range(40)]
    frame = pandas.DataFrame(
        numpy.round(generator.lognormal(2, 1.5, (40, 3)), 3), index=genes, columns=["S1", "S2", "S3"]
    )
    assert all(frame[sample].is_unique for sample in frame)
    frame.loc[["G05", "G11", "G22", "G31"], "S3"] = 0.0
    return frame


def gseapy_scores(column):
    """One sample's ES by set; GSEApy wants more than one set and a frame."""
    result = gseapy.ssgsea(
        data=column.to_frame(), gene_sets=SETS, outdir=None, sample_norm_method="rank",
        min_size=1, max_size=1000, weight=0.25, permutation_num=0, no_plot=True, threads=1,
    )
    return dict(zip(result.res2d["Term"], result.res2d["ES"].astype(float)))


def ssgsea(column):
    tied = column[column.duplicated(keep=False)].index
    if not len(tied):
        return gseapy_scores(column)
    rest = [gene for gene in column.index if gene not in tied]
    scores = [gseapy_scores(column[list(order) + rest]) for order in itertools.permutations(tied)]
    return {name: float(numpy.mean([one[name] for one in scores])) for name in SETS}


def singscore(column):
    ranks, count, scores = column.rank(method="min"), len(column), {}
    for name, genes in SETS.items():
        genes = [gene for gene in genes if gene in ranks.index]
        size = len(genes)
        least, greatest = (size + 1) / 2, (2 * count - size + 1) / 2
        scores[name] = float((ranks[genes].mean() - least) / (greatest - least) - 0.5)
    return scores


frame = table()
json.dump(
    {
        "made_by": "genomics_gene_sets.py",
        "versions": {
            "python": sys.version.split()[0],
            "gseapy": gseapy.__version__,
            "numpy": numpy.__version__,
            "pandas": pandas.__version__,
        },
        "sets": SETS,
        "genes": list(frame.index),
        "samples": {sample: list(frame[sample]) for sample in frame},
        "ssgsea": {sample: ssgsea(frame[sample]) for sample in frame},
        "singscore": {sample: singscore(frame[sample]) for sample in frame},
    },
    sys.stdout,
    indent=1,
)
print()
