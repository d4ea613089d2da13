#!/usr/bin/env python3
"""Writes crates/sagemaker/src/service_model.json: what the services demand of each request.

Usage: python3 scripts/service_model.py > crates/sagemaker/src/service_model.json

Taken from the service descriptions that botocore ships (Apache-2.0): of each operation that the
launcher sends, the input's members, which are required, lengths, ranges, patterns and values. The
version of botocore stands in the file. Patterns are Java's; what Rust writes otherwise is rewritten.
"""

import gzip
import json
import re
import sys
from pathlib import Path

import botocore

OPERATIONS = {
    "sagemaker": """
        CreateTrainingJob CreateProcessingJob CreateHyperParameterTuningJob CreateTransformJob
        CreateModelPackageGroup CreateModelPackage CreateModel CreateEndpointConfig CreateEndpoint
        UpdateEndpoint CreatePipeline UpdatePipeline StartPipelineExecution CreateExperiment CreateTrial
        StopTrainingJob StopProcessingJob StopTransformJob StopHyperParameterTuningJob
        StopPipelineExecution DeleteEndpoint DeleteEndpointConfig DeleteModel UpdateModelPackage
        DescribeTrainingJob DescribeProcessingJob DescribeTransformJob DescribeHyperParameterTuningJob
        DescribeEndpoint DescribeEndpointConfig DescribeModel DescribePipelineExecution
        DescribeModelPackage ListPipelineExecutionSteps
    """.split(),
    "application-autoscaling": "RegisterScalableTarget PutScalingPolicy DeregisterScalableTarget".split(),
}
KEPT = ("type", "required", "enum", "min", "max", "pattern")


def description(service):
    folder = sorted((Path(botocore.__file__).parent / "data" / service).iterdir())[-1]
    packed = folder / "service-2.json.gz"
    if packed.exists():
        return json.loads(gzip.decompress(packed.read_bytes()))
    return json.loads((folder / "service-2.json").read_text())


def pattern(text):
    """Two patterns repeat an end of text, which matches no more than the end of text."""
    text = text.replace("${1,128}", "").replace("${1,256}", "")
    text = text.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}")
    text = re.sub(r"\\u([0-9A-F]{4})", r"\\x{\1}", text)
    return text.replace(r"\p{Alnum}", "a-zA-Z0-9").replace(r"\p{Print}", "[ -~]")


def reduced(shape):
    found = {key: shape[key] for key in KEPT if key in shape}
    if "pattern" in found:
        found["pattern"] = pattern(found["pattern"])
    if "members" in shape:
        found["members"] = {name: member["shape"] for name, member in shape["members"].items()}
    for part in ("member", "key", "value"):
        if part in shape:
            found[part] = shape[part]["shape"]
    return found


def gather(name, shapes, kept):
    if name in kept:
        return
    kept[name] = reduced(shapes[name])
    shape = shapes[name]
    for member in shape.get("members", {}).values():
        gather(member["shape"], shapes, kept)
    for part in ("member", "key", "value"):
        if part in shape:
            gather(shape[part]["shape"], shapes, kept)


def main():
    services = {}
    for service, operations in OPERATIONS.items():
        source = description(service)
        kept, inputs = {}, {}
        for operation in operations:
            inputs[operation] = source["operations"][operation]["input"]["shape"]
            gather(inputs[operation], source["shapes"], kept)
        services[service] = {"operations": inputs, "shapes": dict(sorted(kept.items()))}
    model = {"source": f"botocore {botocore.__version__}", "services": services}
    json.dump(model, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
