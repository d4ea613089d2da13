"""Opens every file of a simulated cohort with programs that have no part in Oncoweave.

Usage: python check.py COHORT     (packages: requirements.txt; bcftools from the system)

VCFs go through bcftools, DICOM through pydicom and SimpleITK, NIfTI through nibabel and
SimpleITK. What they find is compared with the truth in `oracle.csv`, and files that `mess.csv`
calls broken must be seen to be broken. The last line is `N passed, N failed`; the exit code is 1
when anything failed.
"""

import csv
import math
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import SimpleITK

DRIVERS = ["TP53", "KRAS", "STK11", "EGFR", "KEAP1", "PIK3CA", "PTEN", "BRAF"]
NONSYNONYMOUS = {"HIGH", "MODERATE"}
STAGES = ["I", "II", "III", "IV"]
SCANNER_NOISE_HU = 6.0
VOLUME_TOLERANCE = 0.05

passed = 0
failures = []


def check(what, holds, found=""):
    """Counts one comparison; a failure is told at the end."""
    global passed
    if holds:
        passed += 1
    else:
        failures.append(f"{what}: {found}" if str(found) else what)


def near(value, truth, relative=0.0, absolute=0.0):
    return abs(value - truth) <= max(absolute, relative * abs(truth))


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def bcftools(*arguments):
    return subprocess.run(["bcftools", *map(str, arguments)], capture_output=True, text=True)


# --- genomics ---


def vep_allele(reference, alternate):
    """The allele as VEP names it: without the base before an insertion or deletion."""
    return alternate if len(reference) == len(alternate) else alternate[1:] or "-"


def mane_consequences(reference, alternates, annotation, fields):
    """Symbol and impact on the MANE transcript, one pair for each alternate allele."""
    entries = [dict(zip(fields, entry.split("|"))) for entry in annotation.split(",")]
    pairs = []
    for alternate in alternates:
        allele = vep_allele(reference, alternate)
        matching = [e for e in entries if e["Allele"] == allele and e["MANE_SELECT"]]
        if len(matching) != 1:
            raise ValueError(f"{len(matching)} MANE transcripts for allele {alternate}")
        pairs.append((matching[0]["SYMBOL"], matching[0]["IMPACT"]))
    return pairs


def check_vcf(path, truth):
    name = path.name
    view = bcftools("view", path)
    check(f"{name}: bcftools view", view.returncode == 0 and not view.stderr, view.stderr)
    records = [line for line in view.stdout.splitlines() if not line.startswith("#")]
    counted = bcftools("index", "-n", path)
    # noodles' index has no counts of records, which bcftools asks for with -n: fetch by region.
    if counted.returncode == 0:
        check(f"{name}: bcftools index -n", int(counted.stdout) == len(records), counted.stdout)
    samples = bcftools("query", "-l", path).stdout.split()
    check(f"{name}: samples", samples == ["NORMAL", "TUMOR"], samples)
    check(f"{name}: records", 60 <= len(records) <= 500, len(records))
    check_index(path, records)
    check_somatic(path, truth)
    check_copy_number(path, truth)


def check_index(path, records):
    """Each chromosome fetched through the index gives the records that a scan gives."""
    contigs = Counter(line.split("\t", 1)[0] for line in records)
    for contig, count in contigs.items():
        region = bcftools("query", "-r", contig, "-f", "%POS\\n", path)
        found = len(region.stdout.split())
        check(f"{path.name}: {contig} through the index", found == count, region.stderr or found)
    check(f"{path.name}: several chromosomes", len(contigs) > 5, len(contigs))


def check_somatic(path, truth):
    header = bcftools("view", "-h", path).stdout
    fields = header.split("Format: ", 1)[1].split('"', 1)[0].split("|")
    form = "%REF\\t%ALT\\t%FILTER\\t%INFO/CSQ[\\t%AD]\\n"
    rows = bcftools("query", "-e", 'ALT~"<"', "-f", form, path).stdout.splitlines()
    genes, passing_genes, nonsynonymous, filters = set(), set(), 0, set()
    for row in rows:
        reference, alternates, filter_, annotation, normal, tumor = row.split("\t")
        alternates = alternates.split(",")
        filters.add(filter_)
        check(f"{path.name}: AD", len(tumor.split(",")) == len(alternates) + 1, tumor)
        check(f"{path.name}: AD", len(normal.split(",")) == len(alternates) + 1, normal)
        for symbol, impact in mane_consequences(reference, alternates, annotation, fields):
            if impact in NONSYNONYMOUS:
                genes.add(symbol)
                if filter_ == "PASS":
                    passing_genes.add(symbol)
                    nonsynonymous += 1
    drivers = [gene for gene in DRIVERS if gene in passing_genes]
    true_drivers = [gene for gene in truth["drivers"].split(";") if gene]
    check(f"{path.name}: drivers", drivers == true_drivers, f"{drivers} for {true_drivers}")
    true_count = int(truth["nonsynonymous"])
    check(f"{path.name}: nonsynonymous", nonsynonymous == true_count, nonsynonymous)
    check(f"{path.name}: filtered calls", {"PASS", "weak_evidence", "germline"} <= filters, filters)
    truth["decoys"] = len([gene for gene in DRIVERS if gene in genes - passing_genes])


def check_copy_number(path, truth):
    form = "%POS\\t%END\\t%ALT\\t%SVTYPE[\\t%CN]\\n"
    rows = bcftools("query", "-i", 'ALT~"<"', "-f", form, path).stdout.splitlines()
    bases = 0
    for row in rows:
        position, end, alternate, kind, normal, tumor = row.split("\t")
        bases += int(end) - int(position)
        agrees = alternate == f"<{kind}>" and normal == "2" and (kind == "DEL") == (int(tumor) < 2)
        check(f"{path.name}: copy number", agrees, row)
    megabases = float(truth["altered_megabases"])
    check(f"{path.name}: altered bases", near(bases / 1e6, megabases, absolute=1e-5), bases)


def truncated_is_seen(path):
    view = bcftools("view", path)
    return view.returncode != 0 or "truncated" in view.stderr or "EOF" in view.stderr


# --- CT ---


class Series:
    """One folder: the images sorted by height, and the segmentation."""

    def __init__(self, folder):
        datasets = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]
        self.names = [Path(d.filename).name for d in datasets if d.Modality == "CT"]
        images = [d for d in datasets if d.Modality == "CT"]
        self.in_file_order = [float(d.ImagePositionPatient[2]) for d in images]
        self.images = sorted(images, key=lambda d: float(d.ImagePositionPatient[2]))
        (self.segmentation,) = [d for d in datasets if d.Modality != "CT"]

    def heights(self):
        return np.array([float(d.ImagePositionPatient[2]) for d in self.images])

    def even(self):
        """Whether no slice is missing."""
        gaps = np.diff(self.heights())
        return bool(np.allclose(gaps, float(self.images[0].SliceThickness), atol=1e-3))

    def hounsfield(self):
        return np.stack(
            [
                d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept)
                for d in self.images
            ]
        )

    def voxel_mm3(self):
        dy, dx = map(float, self.images[0].PixelSpacing)
        return dx * dy * float(self.images[0].SliceThickness)


def check_identity(folder, series, patient_id):
    datasets = [*series.images, series.segmentation]
    for dataset in datasets:
        said = {str(dataset.PatientID), str(dataset.PatientName).rstrip("^")}
        check(f"{folder.name}: pseudonym", said == {patient_id}, said)
        check(f"{folder.name}: no birth date", not dataset.PatientBirthDate)
    uids = [dataset.SOPInstanceUID for dataset in datasets]
    check(f"{folder.name}: unique instances", len(set(uids)) == len(uids))
    check(f"{folder.name}: valid UIDs", all(u.is_valid and u.startswith("2.25.") for u in uids))
    for attribute in ["StudyInstanceUID", "FrameOfReferenceUID"]:
        values = {dataset[attribute].value for dataset in datasets}
        check(f"{folder.name}: one {attribute}", len(values) == 1, values)


def check_simpleitk(folder, series):
    """SimpleITK sorts and stacks the slices by itself; it must see the same volume."""
    reader = SimpleITK.ImageSeriesReader()
    uid = str(series.images[0].SeriesInstanceUID)
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), uid))
    image = reader.Execute()
    first = series.images[0]
    dy, dx = map(float, first.PixelSpacing)
    spacing = [dx, dy, float(first.SliceThickness)]
    check(f"{folder.name}: slices", image.GetSize()[2] == len(series.images), image.GetSize())
    check(f"{folder.name}: spacing", np.allclose(image.GetSpacing(), spacing, atol=1e-3))
    origin = [float(value) for value in first.ImagePositionPatient]
    check(f"{folder.name}: origin", np.allclose(image.GetOrigin(), origin, atol=1e-3))
    check(f"{folder.name}: direction", np.allclose(image.GetDirection(), np.eye(3).ravel()))
    values = SimpleITK.GetArrayFromImage(image)
    check(f"{folder.name}: HU", np.allclose(values, series.hounsfield(), atol=0.01))


def seg_mask(series):
    """The voxels of the segment named GTV, on the grid of the images."""
    dataset = series.segmentation
    (segment,) = [s for s in dataset.SegmentSequence if s.SegmentLabel == "GTV"]
    frames = dataset.pixel_array
    mask = np.zeros((len(series.images), dataset.Rows, dataset.Columns), dtype=bool)
    for frame, groups in zip(frames, dataset.PerFrameFunctionalGroupsSequence):
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        if number == segment.SegmentNumber:
            height = float(groups.PlanePositionSequence[0].ImagePositionPatient[2])
            mask[np.argmin(np.abs(series.heights() - height))] |= frame.astype(bool)
    return mask


def contours(series):
    """The polygons of the structure named GTV as arrays of shape (corners, 3), in mm."""
    dataset = series.segmentation
    (roi,) = [r for r in dataset.StructureSetROISequence if r.ROIName == "GTV"]
    (found,) = [c for c in dataset.ROIContourSequence if c.ReferencedROINumber == roi.ROINumber]
    polygons = []
    for contour in found.get("ContourSequence", []):
        points = np.array([float(v) for v in contour.ContourData]).reshape(-1, 3)
        assert len(points) == contour.NumberOfContourPoints
        polygons.append(points)
    return polygons


def polygon_area(points):
    x, y = points[:, 0], points[:, 1]
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def rasterize(series, polygons):
    """Voxels whose center lies inside a polygon, by the even-odd rule."""
    first = series.images[0]
    dy, dx = map(float, first.PixelSpacing)
    x = float(first.ImagePositionPatient[0]) + dx * np.arange(first.Columns)
    y = float(first.ImagePositionPatient[1]) + dy * np.arange(first.Rows)
    xs, ys = np.meshgrid(x, y)
    mask = np.zeros((len(series.images), first.Rows, first.Columns), dtype=bool)
    for polygon in polygons:
        inside = np.zeros(xs.shape, dtype=bool)
        for (x0, y0, _), (x1, y1, _) in zip(polygon, np.roll(polygon, -1, axis=0)):
            if y0 != y1:
                crosses = (ys >= min(y0, y1)) & (ys < max(y0, y1))
                inside ^= crosses & (xs < x0 + (ys - y0) * (x1 - x0) / (y1 - y0))
        mask[np.argmin(np.abs(series.heights() - polygon[0, 2]))] ^= inside
    return mask


def tumor(folder, series):
    """The tumor's mask on the image grid; contours must also enclose the mask's volume."""
    if series.segmentation.Modality == "SEG":
        return seg_mask(series)
    polygons = contours(series)
    heights = {round(float(polygon[0, 2]), 3) for polygon in polygons}
    on_slices = all(np.abs(series.heights() - height).min() < 1e-3 for height in heights)
    check(f"{folder.name}: contours lie on slices", on_slices)
    mask = rasterize(series, polygons)
    thickness = float(series.images[0].SliceThickness)
    enclosed = sum(polygon_area(polygon) for polygon in polygons) * thickness
    rastered = mask.sum() * series.voxel_mm3()
    check(f"{folder.name}: contours enclose", near(enclosed, rastered, 0.05), enclosed)
    return mask


def check_ct(folder, patient_id, truth, follow_up):
    series = Series(folder)
    check_identity(folder, series, patient_id)
    check(f"{folder.name}: 24 to 40 slices", 24 <= len(series.images) <= 40, len(series.images))
    check(f"{folder.name}: no gap", series.even())
    shuffled = series.in_file_order != sorted(series.in_file_order)
    check(f"{folder.name}: slices in shuffled files", shuffled)
    check_simpleitk(folder, series)
    references_exist(folder, series)
    mask = tumor(folder, series)
    hounsfield = series.hounsfield()[mask]
    if follow_up:
        check(f"{folder.name}: a small tumor", mask.sum() * series.voxel_mm3() < 8000)
        return
    volume = mask.sum() * series.voxel_mm3()
    true_volume = float(truth["volume_mm3"])
    check(
        f"{folder.name}: volume", near(volume, true_volume, VOLUME_TOLERANCE), f"{volume:.0f} mm3"
    )
    mean, texture = float(truth["mean_hu"]), float(truth["texture_hu"])
    deviation = math.hypot(texture, SCANNER_NOISE_HU)
    # A polygon cuts off slivers between its corners and the surface, where lung may enter.
    check(f"{folder.name}: mean", near(hounsfield.mean(), mean, absolute=1.5), hounsfield.mean())
    check(f"{folder.name}: texture", near(hounsfield.std(), deviation, 0.1), hounsfield.std())


def references_exist(folder, series):
    known = {str(d.SOPInstanceUID) for d in series.images}
    if series.segmentation.Modality == "SEG":
        items = series.segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    else:
        frame = series.segmentation.ReferencedFrameOfReferenceSequence[0]
        items = (
            frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].ContourImageSequence
        )
    named = {str(item.ReferencedSOPInstanceUID) for item in items}
    check(f"{folder.name}: segmentation names the slices", named == known)


# --- MR ---


def check_mr(image_path, mask_path, truth, empty):
    name = image_path.name
    image, mask = nibabel.load(image_path), nibabel.load(mask_path)
    check(f"{name}: mask on the image's grid", np.allclose(image.affine, mask.affine))
    check(f"{name}: shapes", image.shape == mask.shape, f"{image.shape} {mask.shape}")
    for header in [image.header, mask.header]:
        sform, qform = header.get_sform(), header.get_qform()
        check(f"{name}: sform is qform", np.allclose(sform, qform), f"{sform} {qform}")
    outside = SimpleITK.ReadImage(str(image_path))
    labels = SimpleITK.ReadImage(str(mask_path))
    check(f"{name}: SimpleITK's spacing", np.allclose(outside.GetSpacing(), [2, 2, 3]))
    flipped = np.diag([-1, -1, 1, 1]) @ image.affine
    check(f"{name}: SimpleITK's origin", np.allclose(outside.GetOrigin(), flipped[:3, 3]))
    check(f"{name}: same geometry", outside.GetOrigin() == labels.GetOrigin())
    check(f"{name}: same geometry", outside.GetDirection() == labels.GetDirection())
    values, inside = np.asarray(image.dataobj), np.asarray(mask.dataobj) > 0
    check(f"{name}: one volume", np.array_equal(SimpleITK.GetArrayFromImage(outside).T, values))
    if empty:
        check(f"{name}: an empty mask", not inside.any())
        return
    volume = inside.sum() * abs(np.linalg.det(image.affine[:3, :3]))
    true_volume = float(truth["volume_mm3"])
    check(f"{name}: volume", near(volume, true_volume, VOLUME_TOLERANCE), volume)
    surroundings = np.median(values[~inside])
    bright = (values[inside] > 2.25 * surroundings).mean()
    check(f"{name}: core", near(bright, float(truth["necrotic_fraction"]), 0.12, 0.01), bright)


# --- the whole ---


def check_hazard(truth, clinical):
    """The README's formula, computed anew from files alone where they tell."""
    drivers = truth["drivers"].split(";")
    tp53, stk11, egfr = ((gene in drivers) for gene in ["TP53", "STK11", "EGFR"])
    size = (float(truth["diameter_mm"]) - 40) / 8
    parts = {
        "genomics": 0.8 * (tp53 - 0.46)
        + 1.0 * (stk11 - 0.25)
        - 0.7 * (egfr - 0.18)
        - 0.2 * (math.log(int(truth["nonsynonymous"])) - 4.25) / 0.5,
        "ct": 0.45 * size + 0.4 * (float(truth["texture_hu"]) - 22) / 7,
        "mr": 0.2 * (float(truth["necrotic_fraction"]) - 0.25) / 0.08,
        "interaction": 0.6 * (stk11 - 0.25) * size,
    }
    hemoglobin = in_grams_per_deciliter(clinical["hemoglobin"])
    if clinical["stage"] in STAGES and clinical["age"].isdigit() and hemoglobin:
        parts["clinical"] = (
            0.5 * (STAGES.index(clinical["stage"]) - 1.4)
            + 0.4 * (int(clinical["age"]) - 64) / 9
            - 0.3 * (hemoglobin - 12.8) / 1.5
        )
    for part, value in parts.items():
        what = f"{truth['patient_id']}: {part} of the log-hazard"
        check(what, near(value, float(truth[part]), absolute=2e-6), value)
    names = ["genomics", "ct", "mr", "clinical", "interaction"]
    total = sum(float(truth[name]) for name in names)
    check(f"{truth['patient_id']}: sum", near(total, float(truth["log_hazard"]), absolute=5e-6))


def in_grams_per_deciliter(cell):
    number, _, unit = cell.partition(" ")
    try:
        return float(number) * (0.1 if unit == "g/L" else 1.0)
    except ValueError:
        return None


def check_file(cohort, row, truth, mess):
    patient_id = truth["patient_id"]
    path = cohort / row["path"]
    if row["modality"] == "genomics":
        if mess == "file_does_not_exist":
            check(f"{row['path']}: does not exist", not path.exists())
        elif mess == "truncated_vcf":
            check(f"{path.name}: bcftools sees the truncation", truncated_is_seen(path))
        else:
            check_vcf(path, truth)
    elif row["modality"] == "ct":
        follow_up = path.name.endswith("-followup")
        if mess == "missing_slice" and not follow_up:
            check(f"{path.name}: a gap", not Series(path).even())
        elif mess == "empty_mask" and not follow_up:
            series = Series(path)
            is_seg = series.segmentation.Modality == "SEG"
            empty = not seg_mask(series).any() if is_seg else not contours(series)
            check(f"{path.name}: an empty mask", empty)
        else:
            check_ct(path, patient_id, truth, follow_up)
    elif row["modality"] == "mr":
        check_mr(path, cohort / row["mask"], truth, mess == "empty_mask")
    else:
        check(f"{row['path']}: modality", False, row["modality"])


def check_rows(cohort, messes, clinical, files):
    ids = Counter(row["patient_id"] for row in clinical)
    with_files = {row["patient_id"] for row in files}
    for (patient_id, _), kind in messes.items():
        if kind == "duplicated_clinical_row":
            check(f"{patient_id}: twice in the clinical table", ids[patient_id] == 2)
        elif kind == "no_files":
            check(f"{patient_id}: no files", patient_id not in with_files)
        elif kind == "negative_follow_up":
            times = [row["follow_up"] for row in clinical if row["patient_id"] == patient_id]
            check(f"{patient_id}: negative time", all(time.startswith("-") for time in times))
        elif kind.startswith("id_differs"):
            check(f"{patient_id}: in one table", (patient_id in ids) != (patient_id in with_files))


def original_id(file_id, truths):
    """The clinical id that a messed id in files.csv stands for."""
    if file_id in truths:
        return file_id
    letters, digits = file_id.upper().split("-")
    return f"{letters}-{int(digits):04}"


def main():
    cohort = Path(sys.argv[1])
    warnings.simplefilter("error")
    truths = {row["patient_id"]: row for row in read(cohort / "oracle.csv")}
    messes = {(r["patient_id"], r["modality"]): r["mess"] for r in read(cohort / "mess.csv")}
    clinical, files = read(cohort / "clinical.csv"), read(cohort / "files.csv")
    for row in clinical:
        if messes.get((row["patient_id"], "")) != "duplicated_clinical_row":
            check_hazard(truths[row["patient_id"]], row)
    check_rows(cohort, messes, clinical, files)
    for row in files:
        truth = truths[original_id(row["patient_id"], truths)]
        mess = messes.get((row["patient_id"], row["modality"]), "")
        try:
            check_file(cohort, row, truth, mess)
        except Exception as error:  # Whatever an outsider raises is a finding.
            check(f"{row['path']}: readable", False, f"{type(error).__name__}: {error}")
    decoys = sum(truth.get("decoys", 0) for truth in truths.values())
    check("drivers hit in filtered calls alone", decoys > 0)
    for failure in failures:
        print(f"FAILED {failure}")
    counts = Counter(row["modality"] for row in files)
    print(", ".join(f"{count} {modality}" for modality, count in sorted(counts.items())))
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
