"""Compares the log-risks of two runs: python compare.py NAME A.parquet B.parquet [LARGEST]

Fails where a patient's two risks lie further apart than LARGEST, a share of the risks' spread.
"""

import sys

import pyarrow.parquet

# A network that was trained for 30 epochs on another device: rounding adds up over the steps.
LARGEST = 0.05

name, first, second = sys.argv[1:4]
largest = float(sys.argv[4]) if len(sys.argv) > 4 else LARGEST
a, b = (pyarrow.parquet.read_table(path).to_pydict() for path in (first, second))
assert a["patient_id"] == b["patient_id"], "other patients"
differences = [abs(x - y) for x, y in zip(a["risk"], b["risk"], strict=True)]
spread = max(a["risk"]) - min(a["risk"])
share = max(differences) / spread
print(f"{name}: risks of {len(differences)} patients differ by {max(differences):.2e} at most, {share:.2%} of their spread")
if not share <= largest:
    sys.exit(f"{name}: more than {largest:.0%} of the spread")
