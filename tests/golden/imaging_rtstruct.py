"""The voxels that scikit-image finds inside the structures of rt-utils' test data.

usage: python imaging_rtstruct.py SHARED/data/imaging > imaging_rtstruct.csv

Made with scikit-image 0.26.0, pydicom 3.0.2, numpy 2.4.6. A row is an RTSTRUCT and a structure: the
voxels inside on the grid of rt-utils' two slices and a third above them, and the sums of their columns, rows and slices.
Contours are filled one by one; those of a slice are combined by exclusive or, for in these files
none crosses another.
"""

import sys
from pathlib import Path

import numpy
import pydicom
from skimage.draw import polygon2mask

root = Path(sys.argv[1]) / "rt-utils"
slices = [pydicom.dcmread(root / f"mock_data/ct_{number}.dcm") for number in (1, 2)]
origin = numpy.array(slices[0].ImagePositionPatient, float)
row_mm, column_mm = (float(spacing) for spacing in slices[0].PixelSpacing)
slice_mm = float(slices[1].ImagePositionPatient[2]) - origin[2]
shape = (slices[0].Rows, slices[0].Columns)

print("# scikit-image 0.26.0, made by imaging_rtstruct.py")
print("path,structure,inside,columns,rows,slices")
for path in sorted(root.rglob("*rt.dcm")):
    structures = pydicom.dcmread(path, force=True)
    for structure in structures.ROIContourSequence:
        mask = numpy.zeros((3, *shape), bool)
        for contour in structure.ContourSequence:
            points = numpy.array(contour.ContourData, float).reshape(-1, 3) - origin
            number = round(points[0, 2] / slice_mm)
            mask[number] ^= polygon2mask(shape, points[:, 1::-1] / (row_mm, column_mm))
        inside = numpy.argwhere(mask)
        sums = inside.sum(axis=0)[::-1]
        name = path.relative_to(root.parent)
        print(f"{name},{structure.ReferencedROINumber},{len(inside)},{','.join(map(str, sums))}")
