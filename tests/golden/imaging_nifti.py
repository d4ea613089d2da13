"""What nibabel reads in the NIfTI files of the shared data: the figures of `imaging_nifti.csv`.

usage: python imaging_nifti.py SHARED/data/imaging > imaging_nifti.csv

Made with nibabel 5.4.2 and numpy 1.26.4. A row is a file and its first volume: the voxels along
x, y and z and the number of volumes; which form places them; the affine in RAS and mm, row by row
(of a file without a form nothing, since programs differ there); and of the values, rescaled, the
least, the greatest, the sum, and the sum of each value times the rank of its place modulo 97, all
over the finite ones. `refused` is said of colors, complex numbers and what nibabel cannot read.
"""

import csv
import sys
from pathlib import Path

import nibabel
import numpy

UNITS = {1: 1000.0, 2: 1.0, 3: 0.001}


def figures(path):
    image = nibabel.load(path)
    header = image.header
    if not hasattr(header, "get_sform"):
        return ["refused"]
    if image.get_data_dtype().kind not in "iuf":
        return ["refused"]
    values = numpy.asanyarray(image.dataobj).astype(numpy.float64)
    shape = (values.shape + (1, 1, 1))[:3]
    volumes = int(numpy.prod(values.shape[3:])) if values.ndim > 3 else 1
    values = values.reshape(shape + (volumes,), order="F")[..., 0].ravel(order="F")
    form = "sform" if header["sform_code"] > 0 else "qform" if header["qform_code"] > 0 else "none"
    unit = UNITS.get(int(header["xyzt_units"]) & 7, 1.0)
    affine = [] if form == "none" else list((image.affine[:3] * unit).ravel())
    rank = numpy.arange(values.size) % 97
    kept = numpy.isfinite(values)
    values, rank = values[kept], rank[kept]
    sums = [values.min(), values.max(), values.sum(), (values * rank).sum()]
    numbers = [repr(float(number)) for number in (affine or [0] * 12) + sums]
    return [form, *shape, volumes, *numbers]


def main():
    root = Path(sys.argv[1])
    print("# nibabel 5.4.2, numpy 1.26.4, made by imaging_nifti.py")
    out = csv.writer(sys.stdout, lineterminator="\n")
    affine = [f"a{row}{column}" for row in range(3) for column in range(4)]
    out.writerow(["path", "form", "x", "y", "z", "volumes", *affine, "min", "max", "sum", "ranked"])
    endings = (".nii", ".nii.gz", ".hdr", ".hdr.gz")
    for folder in ("nifti-rs", "dicom2nifti", "ibsi"):
        for path in sorted((root / folder).rglob("*")):
            # Its image is compressed and it is not, which nibabel does not look for.
            if path.name == "minimal2.hdr":
                continue
            if not path.is_file() or not (path.name.endswith(endings) or "fuzz_artifacts" in str(path)):
                continue
            try:
                row = figures(path)
            except Exception:
                row = ["refused"]
            out.writerow([path.relative_to(root), *row, *[""] * (21 - len(row))])


main()
