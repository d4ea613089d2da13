"""Other de-identifiers as judges of ours: `deidentifiers.py PROGRAM`.

The test files that pydicom brings, and two files that name a patient in every attribute of PS3.15 Table E.1-1
as of edition 2026c, on the data set itself and three sequences deep, go through ours and through theirs:

- dicom-anonymizer (Kitware): what its own tests expect of each row of its table, at every depth; and whatever
  it changes, ours does not keep.
- dicognito: whatever it changes, ours does not keep.
- deid (pydicom): whatever it says may have text burned in, ours sets aside; among its files one that is made
  for each of its rules.

Where ours takes away what none of them does, the reason is one of STRICTER; what deid suspects and ours lets
pass is one of PASSES.
"""

import csv
import logging
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import pydicom
from deid.config import DeidRecipe
from deid.dicom.pixels import has_burned_pixels
from dicognito.anonymizer import Anonymizer
from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from dicomanonymizer.simpledicomanonymizer import anonymize_dataset, initialize_actions
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.sequence import Sequence

EDITION = "dicomfields_2026c"
FILES = Path(pydicom.__file__).parent / "data" / "test_files"
NAME = "Zyxwpatient^Qvorna"
SECRETS = [b"zyxwpatient", b"qvorna", b"9434765919", b"1.2.826.0.1.3680043.9.7133.77"]
# The Basic Profile without options; somebody has looked at the images.
BASIC = """[dicom]
dates = "removed"
retain_patient_characteristics = false
clean_descriptors = false
accept = ["CT", "MR", "CR", "US", "NM", "OT", "RTDOSE", "RTPLAN", "SEG", ""]
"""
# Why ours takes away more, by the representation of what it took.
STRICTER = {
    "a text that the table does not list keeps the words of a vocabulary": "LO SH ST LT UT UC CS PN AE UR".split(),
    "a date or time that the table does not list names the day all the same": ["DA", "DT", "TM"],
    "a UID that the table does not list leads back to the archive all the same": ["UI"],
    "a number as text must be one": ["DS", "IS", "AS"],
}
# What deid says may have text burned in, and ours lets pass.
PASSES = {
    "LABEL Stanford CT GE Medical Systems LightSpeed VCT": "every slice of a common scanner: acquired ones have no text",
    "LABEL CT Siemens SOMATOM Catch-all": "every slice of a common scanner: acquired ones have no text",
    "LABEL Stanford Med Reconstruction": "of these ours sets derived and secondary images aside, no primary slice",
    "RTDOSE": "doses are computed and need no image type, which deid asks for",
}
# Codes of these schemes name things, not people.
SCHEMES = {"DCM", "SCT", "SRT", "SNM3", "UCUM", "FMA", "LN", "NCIt", "99SDM"}
CODES = {0x00080100, 0x00080102, 0x00080103, 0x00080104}
PIXELS = {0x7FE00010, 0x7FE00008, 0x7FE00009}
# Written over by every de-identifier.
MARKS = {0x00120062, 0x00120063, 0x00120064, 0x00280301, 0x00280303}


def cleaned(program, paths, profile):
    """Of each file the cleaned data set and its bytes, or nothing and the code that it was set aside with."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "in").mkdir()
        for number, path in enumerate(paths):
            (here / "in" / f"{number:04}").write_bytes(Path(path).read_bytes())
        (here / "site.toml").write_text(profile)
        command = [program, "deidentify", here / "in", "--out", here / "out", "--key", here / "key", "--new-key"]
        done = subprocess.run([*command, "--profile", here / "site.toml"], capture_output=True, text=True)
        assert done.returncode in (0, 3), done.stderr
        # A line a file, in the order of their names.
        rows = list(csv.DictReader(open(here / "out" / "deidentification.csv")))
        assert len(rows) == len(paths), "a file is missing"
        for row in rows:
            if row["set_aside"]:
                yield None, row["set_aside"]
            else:
                written = here / "out" / row["path"]
                yield pydicom.dcmread(written, defer_size=None), written.read_bytes()


def elements(dataset, path=()):
    for element in dataset:
        here = (*path, int(element.tag))
        yield here, element
        if element.VR == "SQ":
            for number, item in enumerate(element.value or []):
                yield from elements(item, (*here, number))


def value(element):
    return None if element.VR == "SQ" else element.value


def known(dataset):
    return {path: element for path, element in elements(dataset) if path[-1] not in PIXELS}


def is_empty(element):
    return not element.value if element.VR == "SQ" else element.value in (None, "", b"") or element.is_empty


def changed(before, after):
    """The paths whose values are gone or others."""
    gone = set()
    for path, element in before.items():
        found = after.get(path)
        if found is None or (element.VR != "SQ" and value(found) != value(element)):
            gone.add(path)
    return gone


def expectations():
    """What dicom-anonymizer's tests expect of a tag: by its rows, those of ranges by their masks."""
    rows = dicom_anonymization_database_selector(EDITION)
    exact, ranges = {}, []
    for kind, tags in rows.items():
        for tag in tags if kind != "ALL_TAGS" else ():
            if len(tag) == 2:
                exact[tag[0] << 16 | tag[1]] = kind.removesuffix("_TAGS")
            else:
                ranges.append((tag, kind.removesuffix("_TAGS")))
    return exact, ranges


def expected(tag, table):
    exact, ranges = table
    group, element = tag >> 16, tag & 0xFFFF
    for (low_group, low, group_mask, mask), kind in ranges:
        if group & group_mask == low_group & group_mask and element & mask == low & mask:
            return kind
    return exact.get(tag)


def check_table(name, before, after, table):
    rows = Counter()
    for path, element in before.items():
        kind = expected(path[-1], table)
        if kind is None or is_empty(element) or path[-1] in MARKS:
            continue
        rows[path[-1]] += 1
        found = after.get(path)
        place = f"{name}: {element.tag} {kind} at depth {len(path) // 2}"
        # Of a sequence that went or has one item left, nothing is there.
        orphaned = len(path) > 1 and path[:-1] not in {other[: len(path) - 1] for other in after}
        other = found is not None and (element.VR == "SQ" or value(found) != value(element))
        if kind == "X":
            assert found is None, f"{place} is still there"
        elif kind in ("D", "U"):
            assert orphaned or found is not None, f"{place} is gone"
            assert orphaned or (not is_empty(found) and other), f"{place} is as it was, or empty"
        else:
            assert found is None or is_empty(found) or other, f"{place} is as it was"
    return rows


def names_nobody(path, elements):
    """A class or syntax of the standard, or a code of a scheme that everybody knows."""
    element = elements[path]
    if element.VR == "UI":
        return str(element.value).startswith("1.2.840.10008.")
    scheme = elements.get((*path[:-1], 0x00080102))
    return path[-1] in CODES and scheme is not None and scheme.value in SCHEMES


def check_judges(name, path, before, after):
    """Ours keeps nothing that another changes; gives what ours alone changes, by reason."""
    by_ours = changed(before, after)
    by_others = set()
    anonymizer = Anonymizer(seed="")
    for judge in (lambda it: anonymize_dataset(it, base_rules_gen=lambda: initialize_actions(EDITION)), anonymizer.anonymize):
        theirs = pydicom.dcmread(path)
        judge(theirs)
        found = changed(before, known(theirs))
        kept = [other for other in found - by_ours if other[-1] not in MARKS and not is_empty(before[other])]
        kept = [other for other in kept if not names_nobody(other, before)]
        assert not kept, f"{name}: another changes {[hex(one[-1]) for one in kept]}, ours keeps them"
        by_others |= found
    reasons = Counter()
    for alone in by_ours - by_others:
        element = before[alone]
        parents = [one for one in alone[:-1] if one > 0xFFFF]
        if is_empty(element) or alone[-1] in MARKS or any(alone[: alone.index(one) + 1] in by_ours for one in parents):
            continue
        if not dictionary_has_tag(element.tag) or element.tag.group >> 8 == 0x60 or element.tag == 0xFFFCFFFC:
            reasons["an attribute that PS3.6 does not know, an overlay or padding may hold anything"] += 1
            continue
        if expected(alone[-1], expectations()):
            reasons["a row of the table deeper than dicom-anonymizer looks"] += 1
            continue
        reason = next((reason for reason, vrs in STRICTER.items() if element.VR in vrs), None)
        assert reason, f"{name}: ours changed {element.tag} {element.VR} without a reason"
        reasons[reason] += 1
    return reasons


def planted(deep):
    """CT_small with a value in every attribute of the table."""
    dataset = pydicom.dcmread(FILES / "CT_small.dcm")
    inner = pydicom.Dataset()
    texts = {"DA": "19610403", "DT": "19610403101112", "TM": "101112", "AS": "061Y", "UI": SECRETS[3].decode()}
    for tag in expectations()[0]:
        vr = dictionary_VR(tag) if dictionary_has_tag(tag) else "LO"
        if tag >> 16 < 8 or tag in (0x00080018, 0x0020000D, 0x0020000E):
            continue
        if vr == "SQ":
            item = pydicom.Dataset()
            item.PatientName, item.StudyDescription = NAME, NAME
            content = Sequence([item])
        elif vr.split(" ")[0] in ("US", "SS", "UL", "SL", "FL", "FD"):
            content = 7
        elif vr.split(" ")[0] in ("OB", "OW", "UN", "OF", "OD", "OL", "OV"):
            vr, content = vr.split(" ")[0], NAME.encode() + b"1961"
        else:
            content = texts.get(vr, NAME if vr == "PN" else "9434765919" if vr in ("DS", "IS", "SH") else "Zyxwpatient")
        (inner if deep else dataset).add_new(tag, vr.split(" ")[0], content)
    for _ in range(3 if deep else 0):
        outer = pydicom.Dataset()
        outer.ReferencedSeriesSequence = Sequence([inner])
        inner = outer
    if deep:
        dataset.ReferencedSeriesSequence = inner.ReferencedSeriesSequence
    return dataset


def of_rule(rule):
    """CT_small as a rule of deid describes it."""
    dataset = pydicom.dcmread(FILES / "CT_small.dcm")
    for one in rule["filters"]:
        values = iter(one["value"])
        for field, action in zip(one["field"], one["action"]):
            wanted = next(values, "").split("|")[0] if action not in ("missing", "empty") else ""
            if action in ("missing", "empty"):
                if field in dataset:
                    del dataset[field]
            elif action in ("contains", "equals"):
                if field == "ImageType" and action == "contains":
                    dataset.ImageType = [*dataset.get("ImageType", []), wanted]
                elif field in ("Rows", "Columns"):
                    setattr(dataset, field, int(wanted))
                elif (tag_for_keyword(field) or 0) >> 16 == 2:
                    setattr(dataset.file_meta, field, wanted)
                elif field == "OverlayDescription":
                    dataset.add_new(0x60000022, "LO", wanted)
                else:
                    setattr(dataset, field, wanted)
    return dataset


def main(program):
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    table = expectations()
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        sources = [path for path in sorted(FILES.rglob("*")) if path.is_file() and known_of(path)]
        for deep in (False, True):
            sources.insert(0, at / f"planted-{deep}.dcm")
            planted(deep).save_as(sources[0])
        judged, rows, reasons, aside = 0, Counter(), Counter(), Counter()
        for path, (dataset, answer) in zip(sources, cleaned(program, sources, BASIC)):
            if dataset is None:
                aside[answer] += 1
                continue
            judged += 1
            before, after = known_of(path), known(dataset)
            rows += check_table(path.name, before, after, table)
            reasons += check_judges(path.name, path, before, after)
            if path.name.startswith("planted"):
                left = [secret for secret in SECRETS if secret in answer.lower()]
                assert not left, f"{path.name} holds {left}"
        print(f"{judged} files judged by dicom-anonymizer and dicognito; set aside: {dict(aside)}")
        print(f"{len(rows)} of {len(table[0])} rows of the table seen, {sum(rows.values())} attributes")
        for reason, count in reasons.most_common():
            print(f"  {count} attributes changed by ours alone: {reason}")
        assert judged > 80 and len(rows) > 600, "too little was judged"
        burned_in(program, at, sources)


def known_of(path):
    try:
        return known(pydicom.dcmread(path))
    except Exception:
        return None


def burned_in(program, at, sources):
    recipe, files, unmet, names = DeidRecipe(), [], [], {}
    for group in ("graylist", "blacklist"):
        for number, rule in enumerate(recipe.get_filters(group)):
            path = at / f"{group}-{number}.dcm"
            names[path] = rule["name"]
            of_rule(rule).save_as(path, enforce_file_format=True)
            flagged = has_burned_pixels([str(path)], force=True)["flagged"]
            (files if flagged else unmet).append(path)
    made = len(files)
    for path in sources:
        dataset = pydicom.dcmread(path)
        if any(one[-1] in PIXELS for one, _ in elements(dataset)):
            names[path] = dataset.get("Modality")
            if has_burned_pixels([str(path)], force=True)["flagged"]:
                files.append(path)
    passed = [path for path, (dataset, _) in zip(files, cleaned(program, files, "")) if dataset is not None]
    kept = [path.name for path in passed if names[path] not in PASSES]
    print(f"{len(files)} files that deid says may have text burned in, {made} of them made for its rules "
          f"({len(unmet)} rules meet no such file); {len(files) - len(passed)} set aside")
    for name, count in Counter(names[path] for path in passed).items():
        print(f"  {count} pass, {name}: {PASSES.get(name)}")
    assert made > 80, "too few of deid's rules were met"
    assert not kept, kept


if __name__ == "__main__":
    main(sys.argv[1])
