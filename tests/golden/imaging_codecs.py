"""Small frames in every compression, with the pixels that other decoders give.

usage: imaging_codecs.py > imaging_codecs.csv

Needs numpy 2.4.6, imagecodecs 2026.3.6 (OpenJPEG, OpenJPH, libjpeg-turbo), pyjpegls 1.5.1 (CharLS) and
pydicom 3.0.2, and DCMTK 3.6.7 (Debian: dcmtk). The image is a smooth slope with noise and a flat
corner, so that runs, contexts and both signs are met.

A row: a name, the codec, the rows and columns, the bits allocated, the most that a pixel may differ
by (0 for what is lossless), the stream and the pixels as little-endian 32-bit numbers, both in
base64.
"""
import base64
import csv
import struct
import subprocess
import sys
import tempfile

import imagecodecs
import numpy
from jpeg_ls import encode_pixel_data as jpeg_ls_encode
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.encoders.native import _encode_segment
from pydicom.uid import ExplicitVRLittleEndian

ROWS, COLUMNS = 17, 23
print(f"# imagecodecs {imagecodecs.__version__}, numpy {numpy.__version__}, made by imaging_codecs.py")
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["name", "codec", "rows", "columns", "bits_allocated", "tolerance", "stream", "pixels"])


def image(bits, signed=False):
    random = numpy.random.default_rng(7)
    y, x = numpy.mgrid[:ROWS, :COLUMNS]
    top = 2**bits - 1
    pixels = (x / COLUMNS + y / ROWS) / 2.5 * top + random.normal(0, top / 40, (ROWS, COLUMNS))
    pixels[:6, :9] = top / 3
    pixels[10, 3:8] = top
    pixels = numpy.clip(numpy.round(pixels), 0, top)
    if signed:
        pixels -= 2 ** (bits - 1)
    return pixels.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2 if bits <= 16 else 4}")


def row(name, codec, stream, pixels, tolerance=0):
    text = [base64.b64encode(bytes).decode() for bytes in (stream, pixels.astype("<i4").tobytes())]
    out.writerow([name, codec, ROWS, COLUMNS, 8 * pixels.dtype.itemsize, tolerance, *text])


def jpeg_ls(pixels, bits, error):
    return jpeg_ls_encode(
        pixels.tobytes(), lossy_error=error, rows=ROWS, columns=COLUMNS, samples_per_pixel=1,
        bits_stored=bits, bits_allocated=8 * pixels.dtype.itemsize, planar_configuration=0,
        photometric_interpretation="MONOCHROME2",
    )


for bits in (8, 10, 12, 16):
    pixels = image(bits)
    wide = pixels.dtype
    row(f"JPEG-LS lossless {bits}", "JpegLs", jpeg_ls(pixels, bits, 0), pixels)
    near = jpeg_ls(pixels, bits, 3)
    row(f"JPEG-LS near-lossless {bits}", "JpegLs", near, imagecodecs.jpegls_decode(near).astype(wide))
    j2k = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0, bitspersample=bits)
    row(f"JPEG 2000 lossless {bits}", "Jpeg2000", j2k, pixels)
    lossy = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=False, level=45, bitspersample=bits)
    row(f"JPEG 2000 lossy {bits}", "Jpeg2000", lossy, imagecodecs.jpeg2k_decode(lossy).astype(wide), 1)
    row(f"JPEG 2000 in a file {bits}", "Jpeg2000", imagecodecs.jpeg2k_encode(pixels, codecformat="jp2", reversible=True, level=0, bitspersample=bits), pixels)
for bits, signed in ((8, False), (16, False), (16, True)):
    pixels = image(bits, signed)
    row(f"HTJ2K lossless {'signed ' if signed else ''}{bits}", "Jpeg2000", imagecodecs.htj2k_encode(pixels, reversible=True), pixels)
signed = image(16, signed=True)
row("JPEG 2000 lossless signed 16", "Jpeg2000", imagecodecs.jpeg2k_encode(signed, codecformat="j2k", reversible=True, level=0), signed)


def dcmtk(pixels, bits, *options):
    """The stream that DCMTK makes of an image, and the pixels that it makes of the stream."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.Rows, data.Columns, data.SamplesPerPixel, data.PixelRepresentation = ROWS, COLUMNS, 1, 0
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 * pixels.dtype.itemsize, bits, bits - 1
    stored = pixels.tobytes()
    data.add_new("PixelData", "OW", stored + b"\0" * (len(stored) % 2))
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{folder}/{name}.dcm" for name in ("plain", "coded", "decoded")]
        data.save_as(names[0], enforce_file_format=True)
        subprocess.run(["dcmcjpeg", *options, names[0], names[1]], check=True)
        subprocess.run(["dcmdjpeg", names[1], names[2]], check=True)
        stream = next(generate_frames(dcmread(names[1]).PixelData, number_of_frames=1))
        decoded = numpy.frombuffer(dcmread(names[2]).PixelData, pixels.dtype)[: ROWS * COLUMNS]
    return stream, decoded.reshape(ROWS, COLUMNS)


for bits in (8, 12, 16):
    pixels = image(bits)
    row(f"JPEG lossless {bits}", "Jpeg", imagecodecs.ljpeg_encode(pixels, bitspersample=bits), pixels)
    for predictor in range(1, 8):
        stream, decoded = dcmtk(pixels, bits, "+el", "+sv", str(predictor))
        assert (decoded == pixels).all()
        row(f"JPEG lossless {bits}, predictor {predictor}", "Jpeg", stream, pixels)
row("JPEG extended 12", "Jpeg", *dcmtk(image(12), 12, "+ee"), 1)
pixels = image(8)
baseline = imagecodecs.jpeg8_encode(pixels, level=90)
row("JPEG baseline 8", "Jpeg", baseline, imagecodecs.jpeg8_decode(baseline), 1)
for bits in (8, 16, 32):
    pixels = image(bits)
    width = pixels.dtype.itemsize
    planes = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    segments = [bytes(_encode_segment(planes[byte::width], columns=COLUMNS)) for byte in range(width)]
    starts = [64 + sum(map(len, segments[:byte])) for byte in range(width)]
    header = struct.pack("<16L", width, *starts, *[0] * (15 - width))
    row(f"RLE {bits}", "Rle", header + b"".join(segments), pixels)
