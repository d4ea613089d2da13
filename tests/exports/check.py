"""Reads what the dashboard exported with programs that have no part in Oncoweave.

Usage: python check.py FOLDER     (packages: requirements.txt)

FHIR bundles against the official definitions of R4 and R5 with their invariants, by two libraries, which
must also find what is wrong with bundles that were broken here. PDF: pages, tags, fonts, texts. PNG: size and
content. The exit code is 1 when anything failed.
"""

import copy
import json
import sys
from pathlib import Path

import pikepdf
import pypdf
from fhir.resources.bundle import Bundle as SecondR5
from fhir.resources.R4B.bundle import Bundle as SecondR4
from fhircraft import R4, R5
from PIL import Image

NOTICE = "Not a medical device"
passed = 0
failures = []


def check(what, holds, found=""):
    """Counts one comparison; a failure is told at the end."""
    global passed
    if holds:
        passed += 1
    else:
        failures.append(f"{what}: {found}" if str(found) else what)


# --- FHIR ---

# R4B has R4's RiskAssessment, Patient, Device and Bundle.
RELEASES = {"R4": (R4, SecondR4), "R5": (R5, SecondR5)}


def complaint(model, data):
    """What a model says is wrong with a resource; empty where nothing is."""
    try:
        model.model_validate(data)
    except Exception as error:  # Each library has its own kinds.
        return str(error)
    return ""


def broken(bundle):
    """The bundle with one thing wrong at a time."""
    wrong = {
        "a probability above 100": lambda one: one["prediction"][0].update(probabilityDecimal=140.5),
        "a decimal beside a range": lambda one: one["prediction"][0].update(
            probabilityRange={"low": {"value": 1}}
        ),
        "an element that is none": lambda one: one.update(colour="red"),
        "no status": lambda one: one.pop("status"),
        "no subject": lambda one: one.pop("subject"),
    }
    for what, spoil in wrong.items():
        spoilt = copy.deepcopy(bundle)
        spoil(spoilt["entry"][0]["resource"])
        yield what, spoilt


def check_bundle(path):
    release = path.stem.rsplit("-", 1)[1]
    bundle = json.loads(path.read_text())
    first, second = RELEASES[release]
    for entry in bundle["entry"]:
        kind = entry["resource"]["resourceType"]
        found = complaint(getattr(first, kind), entry["resource"])
        check(f"{path.name}: {kind} as {release} defines it", not found, found)
    for name, model in [("fhircraft", first.Bundle), ("fhir.resources", second)]:
        found = complaint(model, bundle)
        check(f"{path.name}: {release} by {name}", not found, found)
    for what, spoilt in broken(bundle):
        check(f"{path.name}: {what} is found", complaint(first.Bundle, spoilt))
    other = RELEASES["R5" if release == "R4" else "R4"][0]
    resource = bundle["entry"][0]["resource"]
    check(f"{path.name}: is not taken for the other release", complaint(other.RiskAssessment, resource))
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    named = {resource["subject"]["reference"], resource["performer"]["reference"]}
    check(f"{path.name}: references lead to entries", named <= urls, named - urls)
    check(f"{path.name}: the notice", NOTICE in path.read_text())


# --- PDF ---


def fonts(pdf):
    """Every font's descriptor, those of composite fonts' descendants too."""
    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Dictionary) and thing.get("/Type") == "/Font":
            for font in thing.get("/DescendantFonts", [thing]):
                if font.get("/Subtype") != "/Type3":
                    yield str(font.get("/BaseFont")), font.get("/FontDescriptor")


def tags(pdf):
    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Dictionary) and "/S" in thing and "/P" in thing:
            yield thing


def check_pdf(path):
    name = path.name
    with pikepdf.open(path) as pdf:
        problems = pdf.check_pdf_syntax()
        check(f"{name}: sound", not problems, problems)
        root = pdf.Root
        check(f"{name}: tagged", bool(root.MarkInfo.Marked) and "/StructTreeRoot" in root)
        check(f"{name}: language", str(root.Lang) == "en", root.get("/Lang"))
        check(f"{name}: shows its title", bool(root.ViewerPreferences.DisplayDocTitle))
        with pdf.open_metadata() as metadata:
            check(f"{name}: claims PDF/UA-1", metadata.get("pdfuaid:part") == "1")
            check(f"{name}: title", bool(metadata.get("dc:title")))
        all_fonts = list(fonts(pdf))
        embedded = [
            descriptor is not None and any(f"/FontFile{which}" in descriptor for which in ("", "2", "3"))
            for _, descriptor in all_fonts
        ]
        check(f"{name}: fonts are embedded", all_fonts and all(embedded), all_fonts)
        figures = [tag for tag in tags(pdf) if tag.S == "/Figure"]
        check(f"{name}: has figures", bool(figures))
        check(f"{name}: figures have a text", all(str(one.get("/Alt", "")) for one in figures))
        headings = [str(tag.S) for tag in tags(pdf) if str(tag.S).startswith("/H")]
        check(f"{name}: has headings", "/H1" in headings and "/H2" in headings, headings)
        check(f"{name}: has tables with heads", any(tag.S == "/TH" for tag in tags(pdf)))
        if "validation" not in name:
            check(f"{name}: one page", len(pdf.pages) == 1, len(pdf.pages))
    texts = [page.extract_text() for page in pypdf.PdfReader(path).pages]
    for number, text in enumerate(texts, 1):
        flat = " ".join(text.split())
        for part in (NOTICE, "Model:", "SHA-256"):
            check(f"{name}: page {number} says {part}", part in flat, flat[-300:])


# --- PNG ---


def check_picture(path):
    with Image.open(path) as image:
        check(f"{path.name}: is large enough to print", image.width >= 1000, image.size)
        colours = image.convert("RGB").getcolors(image.width * image.height)
        check(f"{path.name}: shows something", len(colours) > 50, len(colours))


def main():
    checks = {".json": check_bundle, ".pdf": check_pdf, ".png": check_picture}
    paths = [path for path in sorted(Path(sys.argv[1]).iterdir()) if path.suffix in checks]
    kinds = [path.suffix for path in paths]
    for suffix, least in [(".json", 2), (".pdf", 2), (".png", 2)]:
        check(f"{least} files {suffix}", kinds.count(suffix) >= least, kinds)
    for path in paths:
        checks[path.suffix](path)
    for failure in failures:
        print(f"not ok  {failure}")
    print(f"exports in other readers: {passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
