"""The stored pixels of every DICOM file in a folder, as pydicom decodes them.

usage: imaging_pydicom.py FOLDER > imaging_pydicom.csv

FOLDER holds the test files of pydicom, wg04, dicom2nifti, dcmqi, highdicom and rt-utils. Needs
pydicom 3.0.2, pylibjpeg 2.1.0 with pylibjpeg-libjpeg 2.5.0, -openjpeg 2.6.0 and -rle 2.2.0, and
pyjpegls 1.5.1. Files that pydicom cannot decode have its error instead of a digest.

A row: the file, its transfer syntax as pydicom read it, its shape, the SHA-256 of its pixels as
little-endian 32-bit whole numbers in the order frame, row, column, and, because lossy decoders
differ in their rounding, 24 of the pixels at even distances.
"""
import csv
import hashlib
import sys
import warnings
from pathlib import Path

import numpy
import pydicom

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
print(f"# pydicom {pydicom.__version__}, made by imaging_pydicom.py")
rows = csv.writer(sys.stdout, lineterminator="\n")
rows.writerow(["file", "syntax", "shape", "digest", "samples"])
for name in ["dcmqi", "dicom2nifti", "highdicom", "pydicom", "rt-utils", "wg04"]:
    for path in sorted((folder / name).rglob("*")):
        if not path.is_file():
            continue
        with open(path, "rb") as file:
            has_prefix = file.read(132)[128:] == b"DICM"
        try:
            data = pydicom.dcmread(path, force=True)
        except Exception:  # no DICOM file
            continue
        if "PixelData" not in data:
            continue
        meta = getattr(data, "file_meta", None)
        if "TransferSyntaxUID" not in (meta or {}):
            # Without meta information pydicom reads, and does not decode.
            implicit, little = data.original_encoding
            data.file_meta.TransferSyntaxUID = (
                "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
            )
        syntax = str(data.file_meta.TransferSyntaxUID)
        shape, digest, samples = "", "", ""
        if data.get("SamplesPerPixel", 1) != 1 or data.get("PhotometricInterpretation") == "PALETTE COLOR":
            digest = "color"
        else:
            try:
                pixels = data.pixel_array
                shape = "x".join(map(str, pixels.shape))
                whole = numpy.ascontiguousarray(pixels.astype("<i4")).reshape(-1)
                digest = hashlib.sha256(whole.tobytes()).hexdigest()
                step = max(len(whole) // 24, 1)
                samples = " ".join(map(str, whole[::step][:24]))
            except Exception as error:
                digest = f"error: {type(error).__name__}"
        rows.writerow([path.relative_to(folder), syntax, shape, digest, samples])
