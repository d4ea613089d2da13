"""Counting, running the program, and botocore's descriptions."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import botocore.session
from botocore.validate import ParamValidator

passed = 0
failures = []

SETTINGS = """
region = "eu-central-1"
role = "arn:aws:iam::111122223333:role/oncoweave-pipeline"
endpoint_role = "arn:aws:iam::111122223333:role/oncoweave-endpoint"
image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/oncoweave:0.1.0"
bucket = "cohorts"
prefix = "lung"
kms_key = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
[vpc]
security_groups = ["sg-0123456789abcdef0"]
subnets = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
[tags]
project = "lung"
"""
TRAIN = 'seed = 7\nmodalities = ["ct", "clinical"]\n[training]\nepochs = 50\nlearning_rate = 0.001\n'
SEARCH = """
trials = 12
[settings."training.learning_rate"]
min = 1e-5
max = 0.01
scale = "log"
[settings."network.width"]
min = 32
max = 256
integer = true
[settings."heads.subtype"]
values = ["on", "off"]
"""
GRID = '[settings."network.width"]\nvalues = [32, 64]\n[settings."heads.subtype"]\nvalues = ["on", "off"]\n'


def check(what, holds, found=""):
    """Counts one comparison; a failure is told at the end."""
    global passed
    if holds:
        passed += 1
    else:
        failures.append(f"{what}: {found}" if str(found) else what)


def report():
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


class Program:
    """The launcher in a folder with its settings."""

    def __init__(self, path):
        self.path = path
        self.folder = Path(tempfile.mkdtemp())
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": "example",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name, text in [
            ("sagemaker.toml", SETTINGS),
            ("train.toml", TRAIN),
            ("search.toml", SEARCH),
            ("grid.toml", GRID),
            ("records.jsonl", '{"patient_id":"A","clinical.age":70}\n'),
            ("cohort.parquet", "PAR1"),
        ]:
            (self.folder / name).write_text(text)

    def run(self, *arguments, **environment):
        return subprocess.run(
            [str(self.path), *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *arguments):
        """Runs until it is terminated."""
        return subprocess.Popen(
            [str(self.path), *arguments], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )

    def json(self, *arguments):
        done = self.run(*arguments)
        if done.returncode != 0:
            check(" ".join(arguments), False, done.stderr)
            return None
        return json.loads(done.stdout)


session = botocore.session.get_session()


def operation(service, name):
    return session.get_service_model(service).operation_model(name)


def violations(shape, value, place="", skip=None):
    """What a service would refuse: what botocore's own validator says, and patterns and values."""
    found = []
    if skip is None:
        report = ParamValidator().validate(value, shape)
        if report.has_errors():
            found.append(report.generate_report())
    elif skip(value):
        return found
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, inner in value.items():
            member = shape.members.get(name)
            if member is None:
                found.append(f"{place}.{name} is unknown")
            else:
                found += violations(member, inner, f"{place}.{name}", skip or never)
    elif shape.type_name == "list" and isinstance(value, list):
        length(shape, value, place, found)
        for index, inner in enumerate(value):
            found += violations(shape.member, inner, f"{place}[{index}]", skip or never)
    elif shape.type_name == "map" and isinstance(value, dict):
        length(shape, value, place, found)
        for name, inner in value.items():
            found += violations(shape.key, name, f"{place} key", skip or never)
            found += violations(shape.value, inner, f"{place}.{name}", skip or never)
    elif shape.type_name == "string" and isinstance(value, str):
        length(shape, value, place, found)
        if shape.enum and value not in shape.enum:
            found.append(f"{place} is none of the values: {value}")
        pattern = shape.metadata.get("pattern")
        # Python knows neither \p{…} nor surrogates; those patterns are of free text.
        free = pattern and (r"\p" in pattern or r"\uD800" in pattern)
        if pattern and not free and not re.fullmatch(pattern, value, re.DOTALL):
            found.append(f"{place} does not match {pattern}: {value}")
    elif shape.type_name in ("integer", "long", "float", "double"):
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if isinstance(value, (int, float)) and (low is not None and value < low or high is not None and value > high):
            found.append(f"{place} is out of {low} to {high}: {value}")
    return found


def never(_):
    return False


def length(shape, value, place, found):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and len(value) < low or high is not None and len(value) > high:
        found.append(f"{place} has {len(value)}, not {low} to {high}")
