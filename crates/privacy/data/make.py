#!/usr/bin/env python3
"""Makes the tables beside it. Run where the sources lie:

    pip install highdicom==0.28.2 pydicom==3.0.2 dicom-anonymizer==2.1.0 && pip download --no-deps names==0.3.0
    crates/privacy/data/make.py SOURCES NAMES

SOURCES holds
  ps315_confidentiality_profile_attributes.innolitics.json   innolitics/dicom-standard @7f4749d09ed3,
      standard/confidentiality_profile_attributes.json (MIT): DICOM PS3.15 Table E.1-1, edition 2024e
  deid.dicom.burned_in_filters.txt                           pydicom/deid @8d26fca2ea09,
      deid/data/deid.dicom (MIT)
  e3_10_1.json                                               pymedphys/pymedphys @a94ddab6f24c,
      lib/pymedphys/_dicom/deidentify/_standard/e3_10_1.json (Apache-2.0): DICOM PS3.15 Table E.3.10-1,
      edition 2026d, with a digest of its rows
NAMES is the unpacked `names` 0.3.0 (MIT): surnames and given names of the US census of 1990.
highdicom 0.28.2 (MIT) brings the types of attributes in every IOD of PS3.3, pydicom 3.0.2 (MIT) the
keywords of PS3.6 and the concepts of PS3.16, dicom-anonymizer 2.1.0 (BSD-3) the actions of Table E.1-1 as of
edition 2026c.
"""

import hashlib
import json
import re
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import highdicom
from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.datadict import DicomDictionary, keyword_for_tag, tag_for_keyword
from pydicom.sr._concepts_dict import concepts

HERE = Path(__file__).parent
SOURCES, NAMES = Path(sys.argv[1]), Path(sys.argv[2])
STANDARD = Path(highdicom.__file__).parent / "_standard"
OPTIONS = {
    "rtnSafePrivOpt": "safe_private",
    "rtnUIDsOpt": "uids",
    "rtnDevIdOpt": "device",
    "rtnInstIdOpt": "institution",
    "rtnPatCharsOpt": "patient",
    "rtnLongFullDatesOpt": "full_dates",
    "rtnLongModifDatesOpt": "modified_dates",
    "cleanDescOpt": "descriptors",
    "cleanStructContOpt": "structured",
    "cleanGraphOpt": "graphics",
}


def load(path):
    return json.loads(path.read_text())


def write(name, source, lines):
    (HERE / name).write_text("".join(f"# {line}\n" for line in source) + "".join(line + "\n" for line in lines))


def profile():
    rows = load(SOURCES / "ps315_confidentiality_profile_attributes.innolitics.json")
    assert len(rows) == 621
    wild = {"50xxxxxx": "50xx,xxxx", "60xx4000": "60xx,4000", "60xx3000": "60xx,3000"}
    lines = []
    for row in rows:
        exact = re.fullmatch(r"[0-9a-f]{8}", row["id"])
        tag = f"{row['id'][:4]},{row['id'][4:]}" if exact else wild.get(row["id"], "private")
        options = " ".join(f"{OPTIONS[key]}={row[key]}" for key in OPTIONS if row.get(key))
        lines.append(f"{tag}\t{row['basicProfile']}\t{options}\t{' '.join(row['name'].split())}")
    source = [
        "DICOM PS3.15 Table E.1-1, edition 2024e: tag, action of the Basic Profile, actions of options, name.",
        "From innolitics/dicom-standard @7f4749d09ed3 (MIT); made by make.py.",
    ]
    write("ps315_e1_1.tsv", source, lines)
    later({row["id"] for row in rows})
    return {int(row["id"], 16) for row in rows if "/" in row["basicProfile"]}


def later(known):
    lines = []
    for kind, tags in dicom_anonymization_database_selector("dicomfields_2026c").items():
        for tag in tags:
            hexadecimal = f"{tag[0]:04x}{tag[1]:04x}"
            if kind != "ALL_TAGS" and len(tag) == 2 and hexadecimal not in known:
                action = kind.removesuffix("_TAGS").replace("_STAR", "*").replace("_", "/")
                name = keyword_for_tag(tag) or ""
                lines.append(f"{tag[0]:04x},{tag[1]:04x}\t{action}\t\t{name}")
    source = [
        "DICOM PS3.15 Table E.1-1, the rows of edition 2026c that 2024e has not: tag, action of the Basic Profile,",
        "none of options, keyword where PS3.6 was known.",
        f"From dicom-anonymizer {version('dicom-anonymizer')} (BSD-3, Kitware); made by make.py.",
    ]
    write("ps315_e1_1_later.tsv", source, sorted(lines))


def safe_private():
    table = load(SOURCES / "e3_10_1.json")
    rows = table["rows"]
    written = json.dumps(rows, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    assert len(rows) == 479 and table["edition"] == "2026d"
    assert hashlib.sha256(written.encode()).hexdigest() == table["content_sha256"]
    lines = []
    for row in rows:
        group, low = re.fullmatch(r"\((\w{4}),xx(\w\w)\)", row["tag"]).groups()
        lines.append("\t".join([row["private_creator"], group.lower(), low.lower(), row["vr"], row["meaning"]]))
    source = [
        "DICOM PS3.15 Table E.3.10-1, edition 2026d: private creator, group, last two digits of the element, VR",
        "(none where the table has none), meaning.",
        f"From pymedphys/pymedphys @a94ddab6f24c (Apache-2.0), rows of SHA-256 {table['content_sha256'][:12]}; made by make.py.",
    ]
    write("ps315_e3_10_1.tsv", source, lines)


def types(combined):
    modules, attributes, classes = (
        load(STANDARD / f"{name}.json") for name in ("iod_module_map", "module_attribute_map", "sop_class_iod_map")
    )
    rank = {"1": 0, "1C": 1, "2": 2, "2C": 3, "3": 4}
    iods = sorted(set(classes.values()))
    number = {iod: index for index, iod in enumerate(iods)}
    strictest = {}
    for iod in iods:
        for module in modules[iod]:
            for one in attributes.get(module["key"], []):
                tag = tag_for_keyword(one["keyword"])
                if tag not in combined:
                    continue
                parent = tag_for_keyword(one["path"][-1]) if one["path"] else 0
                key = (tag, parent, number[iod])
                if rank.get(one["type"], 4) < rank[strictest.get(key, "3")] or key not in strictest:
                    strictest[key] = one["type"]
    groups = defaultdict(list)
    for (tag, parent, iod), kind in strictest.items():
        if kind[0] in "12":
            groups[(tag, parent, kind[0])].append(iod)
    lines = [
        f"{tag:08x}\t{parent:08x}\t{kind}\t{ranges(sorted(found))}" for (tag, parent, kind), found in sorted(groups.items())
    ]
    source = [
        "PS3.3: where attributes with a combined action are of type 1 or 2: tag, sequence that holds it (0: none),",
        "type (1C as 1, 2C as 2, the strictest of an IOD's modules), IODs by their number in sop_iods.tsv.",
        f"From highdicom {version('highdicom')} (MIT); made by make.py.",
    ]
    write("iod_types.tsv", source, lines)
    source = ["PS3.4: SOP class, number of its IOD, name of the IOD.", source[-1]]
    write("sop_iods.tsv", source, [f"{uid}\t{number[iod]}\t{iod}" for uid, iod in sorted(classes.items())])


def ranges(numbers):
    parts, start = [], numbers[0]
    for here, after in zip(numbers, numbers[1:] + [None]):
        if after != here + 1:
            parts.append(str(start) if start == here else f"{start}-{here}")
            start = after
    return " ".join(parts)


def burned_in():
    lines, listed = [], None
    for line in (SOURCES / "deid.dicom.burned_in_filters.txt").read_text().splitlines():
        line = line.strip()
        if line.startswith("%"):
            listed = line.split()[-1]
        elif line.startswith("LABEL"):
            lines.append([listed, line[5:].split("#")[0].strip(), [], []])
        elif line.startswith(("coordinates", "ctpcoordinates")):
            a, b, c, d = (int(number) for number in line.split(maxsplit=1)[1].split(","))
            # `coordinates` are corners, `ctpcoordinates` a corner, a width and a height.
            lines[-1][3].append((a, b, c - a, d - b) if line.startswith("coordinates") else (a, b, c, d))
        elif lines and listed != "header" and re.match(r"\+? *(contains|equals|missing|empty|not\w+) ", line):
            text = " || ".join(condition(one) for one in line.removeprefix("+").strip().split("||"))
            # A line without a plus is another way to meet the rule.
            if lines[-1][2] and not line.startswith("+"):
                lines[-1][2][-1] += f" || {text}"
            else:
                lines[-1][2].append(text)
    kept = [one for one in lines if one[0] in ("graylist", "blacklist", "whitelist")]
    text = [
        "\t".join([listed, name, " && ".join(conditions), " ".join(",".join(map(str, box)) for box in boxes)])
        for listed, name, conditions, boxes in kept
    ]
    source = [
        "Where devices burn text into pixels: list, device, conditions (~ contains one of, = equals one of,",
        "! contains none of, ? is missing), rectangles x,y,width,height.",
        "Facts from pydicom/deid @8d26fca2ea09, deid/data/deid.dicom (MIT, Copyright Vanessa Sochat), which has",
        "them from CTP and Stanford; made by make.py.",
    ]
    write("burned_in.tsv", source, text)
    return {word for one in kept for line in one[2] for word in re.findall(r"[A-Za-z]+", line)}


def condition(text):
    parts = text.split(maxsplit=2)
    # Misspelt there.
    field = {"Manfacturer": "Manufacturer", "Manufacture": "Manufacturer"}.get(parts[1], parts[1])
    sign = {"contains": "~", "equals": "=", "notcontains": "!", "notequals": "!", "missing": "?", "empty": "?"}[parts[0]]
    return f"{field}{sign}{parts[2] if len(parts) > 2 else ''}"


# Words of radiology that are surnames or given names too, and those that no source below holds.
KEPT = """head bone hand long short gross colon ring day high low post early key case day may hip foot heart
gray mean max field frame cross pass stone sharp star chest wall base day""".split()
ADDED = """abd thx pel wo w wb wholebody axial ax cor sag obl coronal sagittal oblique mpr mip minip vrt recon
reformat reformatted kernel soft lung mediastinum standard std thin thick slice slices scout topogram localizer
localiser surview scanogram survey helical spiral dynamic static planning simulation phase arterial venous portal
delayed late native plain contrast enhanced unenhanced pre without with and of the for in to at from per non no
stir flair tse fse ssfp haste space vibe flash mprage spgr bravo cube tof swi swan dwi adc dti epi dixon lava thrive
propeller blade fiesta trufi gre ge se ir t pd pdw tra trs fs fatsat spair spir water fat opposed outphase inphase
mr mri ct pt pet cta mra suv ac nac attenuation corrected correction uncorrected fdg psma dotatate fluciclovine
choline fmiso flt gtv ctv itv ptv oar roi body external contour couch lungs kidneys liver spleen heart oesophagus
esophagus tumor tumour lesion nodule node nodal gtvp gtvn left right lt rt l r upper lower middle lobe rul rml rll
lul lll cord canal brainstem chiasm optic nerve parotid mandible larynx bowel bag rectum bladder prostate seminal
vesicles femur femoral uterus breast pelvis pelvic abdomen thorax thoracic brain skull neck spine lumbar cervical
sacrum segmentation segmented mask label auto automatic manual siemens philips toshiba canon hitachi fujifilm
hologic varian elekta accuray tomotherapy raystation eclipse pinnacle monaco medical systems healthcare
corporation imaging company somatom biograph magnetom aquilion brilliance gemini ingenuity discovery lightspeed
revolution optima signa achieva ingenia vantage vereos symbia synergy truebeam definition sensation emotion
perspective force edge flash naeotom iqon ict united uih mct horizon vision mi dst dste ste rx hd elite series
study scan acquisition protocol routine low dose high resolution hr hrct screening follow up baseline research
trial image images original derived primary secondary average sum difference ratio map parametric percent phantom
quality calibration test mm cm kv ma mas kvp ms sec min iterative fbp asir admire safire idose veo aidr
hu od us mgml eff ed edw mod pct oncoweave simulated synthetic clinical genomics genomic imaging dicom nifti vcf maf cnv expression genotype table
tables files cohort dermatology pathology region regions features results""".split()


def words(device_words):
    found = set()
    for entry in DicomDictionary.values():
        found.update(re.findall(r"[A-Z][a-z]{2,}", entry[4]))
        found.update(re.findall(r"[A-Za-z]{3,}", entry[2]))
    for scheme in concepts.values():
        for codes in scheme.values():
            for meaning, contexts in codes.values():
                # Countries and breeds are names.
                if {5001, 7480} & set(contexts):
                    continue
                found.update(re.findall(r"[A-Za-z]{3,}", meaning))
    for row in load(STANDARD / "anatomic_regions.json").values():
        found.update(re.findall(r"[A-Za-z]{3,}", row[2]))
    found.update(device_words)
    found = {word.lower() for word in found}
    lists = {name: (NAMES / "names" / f"dist.{name}").read_text().lower().split("\n") for name in ("all.last", "female.first", "male.first")}
    people = {line.split()[0] for line in lists["all.last"][:20000] if line}
    people |= {line.split()[0] for name in ("female.first", "male.first") for line in lists[name] if line}
    kept = sorted((found - people) | set(KEPT) | {word.lower() for word in ADDED})
    source = [
        "Words that a description may keep: of PS3.6's keywords, PS3.16's concepts, devices and radiology, without the",
        "20,000 most frequent surnames and all given names of the US census of 1990 unless they are anatomy or technique.",
        "From pydicom 3.0.2, highdicom 0.28.2, pydicom/deid and names 0.3.0 (all MIT); made by make.py.",
    ]
    write("words.txt", source, kept)


combined = profile()
safe_private()
types(combined)
words(burned_in())
