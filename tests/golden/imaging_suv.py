"""What MIRP multiplies PET intensities by to make SUV (body weight) of them.

    pip install mirp==2.7.0 pydicom==3.0.2
    python imaging_suv.py > imaging_suv.csv

Each case is a small series that differs from the first in a few attributes. MIRP (Zwanenburg et al.,
JOSS 2024) reads it once in SUV and once as stored. A row: the case, the attributes that
differ as `keyword=value`, and the factor.
"""

import csv
import logging
import math
import sys
import tempfile
import warnings

import mirp
import numpy
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

BASE = dict(
    Units="BQML", DecayCorrection="START", CorrectedImage="DECY\\ATTN\\SCAT", PatientWeight="74.5",
    Manufacturer="SIEMENS", SeriesDate="20240305", SeriesTime="101500", AcquisitionDate="20240305",
    AcquisitionTime="101500", FrameReferenceTime="0", ActualFrameDuration="180000",
    RadionuclideTotalDose="350000000", RadionuclideHalfLife="6586.2", RadiopharmaceuticalStartTime="091230",
)
half_life, duration = 6586.2, 180.0
decay = math.log(2) * duration / half_life
mean = math.log(decay / (1 - math.exp(-decay))) / math.log(2) * half_life
CASES = {
    "series and acquisition start together": {},
    "injected before midnight": dict(SeriesTime="003000", AcquisitionTime="003000", RadiopharmaceuticalStartTime="233000"),
    "injected at a date and time": dict(RadiopharmaceuticalStartDateTime="20240305090000.00"),
    "a date of injection after the scan": dict(RadiopharmaceuticalStartDateTime="20240306091230.00"),
    "corrected to the injection": dict(DecayCorrection="ADMIN"),
    "not corrected": dict(DecayCorrection="NONE", CorrectedImage="ATTN\\SCAT"),
    "a later bed position": dict(AcquisitionTime="102500", FrameReferenceTime=f"{1000 * (600 + mean):.6f}"),
    "a series made later": dict(SeriesTime="153000", AcquisitionTime="102500", FrameReferenceTime=f"{1000 * (600 + mean):.6f}"),
    "a series of GE made later": dict(
        Manufacturer="GE MEDICAL SYSTEMS", SeriesTime="153000", AcquisitionTime="102500", GeScanTime="20240305101000.00"
    ),
    "counts of Philips with a factor of SUV": dict(Units="CNTS", PhilipsSuv="0.000526"),
    "counts of Philips with a factor of activity": dict(Units="CNTS", PhilipsActivity="1.75"),
    "SUV already": dict(Units="GML"),
    "another tracer": dict(RadionuclideHalfLife="4062.6", RadionuclideTotalDose="180000000", PatientWeight="102"),
}


def series(folder, changes):
    values = BASE | changes
    for number in range(3):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{number + 1}"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = "1.2.3", "1.2.3.4", "1.2.3.5"
        data.Modality, data.PatientID, data.PatientSex, data.PatientSize = "PT", "phantom", "O", "1.7"
        data.InstanceNumber = number + 1
        data.ImagePositionPatient = [0, 0, 4 * number]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [4, 4], 4
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = "1", "0", "BQML"
        data.Rows = data.Columns = 4
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelData = numpy.full((4, 4), 20000 + number, "<u2").tobytes()
        item = Dataset()
        data.RadiopharmaceuticalInformationSequence = [item]
        for keyword, value in values.items():
            if keyword == "GeScanTime":
                data.add_new(0x00090010, "LO", "GEMS_PETD_01")
                data.add_new(0x0009100D, "DT", value)
            elif keyword.startswith("Philips"):
                data.add_new(0x70530010, "LO", "Philips PET Private Group")
                data.add_new(0x70531000 if keyword == "PhilipsSuv" else 0x70531009, "DS", value)
            elif keyword.startswith("Radi"):
                setattr(item, keyword, value)
            else:
                setattr(data, keyword, value)
        data.save_as(f"{folder}/{number}.dcm", enforce_file_format=True)


def intensity(folder, conversion):
    images = mirp.extract_images(image=folder, image_export_format="numpy", pet_suv_conversion=conversion)
    return float(numpy.asarray(images[0][0][0]).ravel()[0])


print(f"# MIRP {mirp.__version__ if hasattr(mirp, '__version__') else '2.7.0'}, made by imaging_suv.py")
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["case", "attributes", "factor"])
for case, changes in CASES.items():
    with tempfile.TemporaryDirectory() as folder:
        series(folder, changes)
        factor = intensity(folder, "body_weight") / intensity(folder, "none")
    values = BASE | changes if case == next(iter(CASES)) else changes
    out.writerow([case, ";".join(f"{key}={value}" for key, value in values.items()), repr(factor)])
