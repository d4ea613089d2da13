"""SEG files that highdicom wrote, and what highdicom reads in them and in those of the shared data. Those
of slides and of a radiograph, which have no voxels in the patient, are `refused`.

usage: python imaging_seg.py SHARED/data/imaging

Made with highdicom 0.28.2, pydicom 3.0.2, numpy 2.4.6. Writes
`imaging_seg/*.dcm` and `imaging_seg.csv`: a row is a file and a segment, how many voxels are inside
(from one half on where they are fractions) and the sum of their positions in LPS and mm.
"""

import csv
import sys
from pathlib import Path

import highdicom as hd
import numpy
from pydicom import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

HERE = Path(__file__).parent
COLUMNS, ROWS, SLICES = 9, 7, 5


def ct_slice(number):
    """A slice of an oblique series."""
    angle = numpy.deg2rad(20)
    row = numpy.array([numpy.cos(angle), numpy.sin(angle), 0])
    column = numpy.array([-numpy.sin(angle), numpy.cos(angle), 0])
    normal = numpy.cross(row, column)
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = f"1.2.826.0.1.3680043.10.1.{number + 1}"
    image.StudyInstanceUID = "1.2.826.0.1.3680043.10.2"
    image.SeriesInstanceUID = "1.2.826.0.1.3680043.10.3"
    image.FrameOfReferenceUID = "1.2.826.0.1.3680043.10.4"
    image.Modality = "CT"
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber",
                 "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName",
                 "PositionReferenceIndicator"):
        setattr(image, name, "")
    image.SeriesNumber, image.InstanceNumber = 1, number + 1
    image.ImageOrientationPatient = [float(number) for number in (*row, *column)]
    image.ImagePositionPatient = [float(place) for place in (-40, 25, 100) + 2.5 * number * normal]
    image.PixelSpacing = [1.5, 1.25]
    image.SliceThickness, image.SpacingBetweenSlices = 2.5, 2.5
    image.Rows, image.Columns = ROWS, COLUMNS
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation = 0
    image.PixelData = numpy.zeros((ROWS, COLUMNS), numpy.uint16).tobytes()
    return image


def describe(number, label):
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )


def write(name, pixels, kind, segments, **more):
    seg = hd.seg.Segmentation(
        source_images=[ct_slice(number) for number in range(SLICES)],
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[describe(number, label) for number, label in segments],
        series_instance_uid=f"1.2.826.0.1.3680043.10.5.{len(name)}",
        series_number=2,
        sop_instance_uid=f"1.2.826.0.1.3680043.10.6.{len(name)}",
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="none",
        device_serial_number="none",
        **more,
    )
    # The date of writing would change the file each time.
    for element in ("InstanceCreationDate", "InstanceCreationTime", "ContentDate", "ContentTime",
                    "SeriesDate", "SeriesTime"):
        if element in seg:
            setattr(seg, element, "")
    seg.save_as(HERE / "imaging_seg" / f"{name}.dcm", enforce_file_format=True)


def make():
    rng = numpy.random.default_rng(4)
    shape = (SLICES, ROWS, COLUMNS)
    two = rng.random((*shape, 2)) < 0.4
    two[3, ..., 0] = False  # A slice without the first segment has no frame of it.
    labels = rng.integers(0, 3, shape)
    labels[0] = 0
    (HERE / "imaging_seg").mkdir(exist_ok=True)
    types = hd.seg.SegmentationTypeValues
    both = [(1, "Tumor"), (2, "Edema")]
    write("binary_overlapping", two.astype(numpy.uint8), types.BINARY, both,
          omit_empty_frames=True)
    write("binary_implicit", labels.astype(numpy.uint8), types.BINARY, both,
          transfer_syntax_uid=ImplicitVRLittleEndian)
    fractions = rng.random((*shape, 1))
    fractional = hd.seg.SegmentationFractionalTypeValues
    write("fractional_probability", fractions, types.FRACTIONAL, [(1, "Tumor")],
          fractional_type=fractional.PROBABILITY, max_fractional_value=255)
    write("fractional_occupancy_rle", fractions, types.FRACTIONAL, [(1, "Tumor")],
          fractional_type=fractional.OCCUPANCY, max_fractional_value=100,
          transfer_syntax_uid=RLELossless)
    write("label_map_8", labels.astype(numpy.uint8), types.LABELMAP, both)
    write("label_map_8_rle", labels.astype(numpy.uint8), types.LABELMAP, both,
          transfer_syntax_uid=RLELossless)
    many = labels.astype(numpy.uint16)
    many[many == 2] = 300
    write("label_map_16", many, types.LABELMAP, [(1, "Tumor"), (300, "Edema")])


def figures(path):
    seg = hd.seg.segread(path)
    if seg.is_tiled:
        return [["refused", "", "", "", ""]]
    # Asked for one by one, highdicom finds no segment above 255.
    label_map = "LABELMAP" in str(seg.SegmentationType)
    rows = []
    for number in seg.segment_numbers:
        if number == 0:
            continue
        more = {"rescale_fractional": False} if str(seg.SegmentationType) == "FRACTIONAL" else {}
        try:
            volume = seg.get_volume(
                segment_numbers=[number], allow_missing_positions=True,
                combine_segments=label_map, **more,
            )
        except Exception as error:
            print(path.name, number, error, file=sys.stderr)
            return [["refused", "", "", "", ""]]
        values = volume.array == number if label_map else volume.array[..., 0]
        values = values.astype(float)
        least = 0.5 * seg.MaximumFractionalValue if more else 0.5
        index = numpy.argwhere(values >= least)
        places = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        sums = [repr(round(float(total), 6)) for total in places.sum(axis=0)]
        rows.append([number, len(index), *sums])
    return rows


def main():
    make()
    root = Path(sys.argv[1])
    paths = sorted(HERE.glob("imaging_seg/*.dcm")) + sorted((root / "highdicom").glob("seg_*.dcm"))
    paths += sorted((root / "dcmqi/segmentations").glob("*.dcm"))
    paths += sorted((root / "dcmqi/segmentations").glob("*/seg/*"))
    with open(HERE / "imaging_seg.csv", "w") as file:
        file.write("# highdicom 0.28.2, made by imaging_seg.py\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["path", "segment", "inside", "x", "y", "z"])
        for path in paths:
            base = root if path.is_relative_to(root) else HERE
            for row in figures(path):
                out.writerow([path.relative_to(base), *row])


main()
