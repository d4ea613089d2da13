"""A bill of materials against CycloneDX's own schema: `check_sbom.py FILE`."""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

text = Path(sys.argv[1]).read_text()
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
assert error is None, f"not CycloneDX 1.6: {error}"
names = {component["name"] for component in json.loads(text)["components"]}
for needed in ("tch", "torch-sys", "libtorch", "arrow", "dicom-core", "noodles", "polars", "oncoweave-privacy"):
    assert needed in names, f"{needed} is not in the bill of materials"
print(f"{len(names)} components, valid CycloneDX 1.6")
