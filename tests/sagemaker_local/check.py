#!/usr/bin/env python3
"""Lets the official SageMaker Python SDK, unchanged, drive the image in its local mode.

usage: check.py IMAGE TABLE
TABLE is an aligned table with outcomes. Environment: PODMAN, see bin/docker.
Lines that begin with `Contract:` name the rules of crates/serve/contract.toml that a check proves.
"""

import json
import os
import socket
import sys
import tarfile
import tempfile
import threading
import traceback
from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/none"
CONFIGURATION = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""
RECORDS = [
    {"patient_id": "A", "clinical.age": 70},
    {"patient_id": "B", "clinical.age": "old"},
    {"patient_id": "C", "clinical.age": 40},
]


def main():
    image, table = sys.argv[1], Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "sdk.yaml").write_text(CONFIGURATION)
        # Read when the SDK is imported. Credentials that no service would take: none is asked.
        os.environ.update(
            SAGEMAKER_USER_CONFIG_OVERRIDE=str(scratch / "sdk.yaml"),
            AWS_DEFAULT_REGION="eu-central-1",
            AWS_ACCESS_KEY_ID="none",
            AWS_SECRET_ACCESS_KEY="none",
            AWS_EC2_METADATA_DISABLED="true",
        )
        channel = scratch / "train"
        channel.mkdir()
        (channel / "cohort.parquet").write_bytes(table.read_bytes())
        estimator = check_fit(image, scratch, channel)
        check_endpoint(estimator)
        check_transform(estimator, scratch)
        check_two_hosts(image, scratch, channel)
        check_failure(image, scratch, channel)
    print("the SageMaker SDK drives the image: fit, deploy, predict, delete, transform")


def session(scratch, port):
    from sagemaker.local import LocalSession

    local = LocalSession()
    local.config = {"local": {"local_code": True, "container_root": str(scratch), "serving_port": port}}
    return local


def make(image, scratch, instances=1, **hyperparameters):
    from sagemaker.estimator import Estimator

    settings = {"model": "network", "training.epochs": 3, "training.ensemble": 1, **hyperparameters}
    return Estimator(
        image_uri=image,
        role=ROLE,
        instance_count=instances,
        instance_type="local",
        output_path=f"file://{scratch}/models",
        hyperparameters=settings,
        sagemaker_session=session(scratch, free_port()),
    )


def check_fit(image, scratch, channel):
    # Contract: sdk.fit train.hyperparameters
    estimator = make(image, scratch)
    estimator.fit({"train": f"file://{channel}", "validation": f"file://{channel}"})
    archive = estimator.model_data.removeprefix("file://")
    with tarfile.open(archive) as model:
        names = [Path(name).name for name in model.getnames()]
    expect({"model.toml", "model.safetensors", "card.json"} <= set(names), f"model.tar.gz holds {names}")
    print("fit: one host")
    return estimator


def check_endpoint(estimator):
    # Contract: sdk.deploy sdk.predict sdk.delete
    from sagemaker.deserializers import JSONLinesDeserializer
    from sagemaker.serializers import JSONLinesSerializer

    predictor = estimator.deploy(
        initial_instance_count=1,
        instance_type="local",
        serializer=JSONLinesSerializer(),
        deserializer=JSONLinesDeserializer(),
    )
    try:
        check_answers(predictor.predict(RECORDS))
    finally:
        predictor.delete_endpoint()
    port = estimator.sagemaker_session.config["local"]["serving_port"]
    expect(wait_for_silence(port), "the endpoint still answers after it was deleted")
    print("deploy, predict, delete")


def check_transform(estimator, scratch):
    # Contract: sdk.transform batch.one_for_one
    # Another port: the rules that led to the endpoint's may be on their way out.
    local = estimator.sagemaker_session.config["local"]
    estimator.sagemaker_session.config = {"local": {**local, "serving_port": free_port()}}
    data = scratch / "cohort"
    data.mkdir()
    (data / "part.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    transformer = estimator.transformer(
        instance_count=1,
        instance_type="local",
        strategy="MultiRecord",
        assemble_with="Line",
        accept="application/jsonlines",
        output_path=f"file://{scratch}/scored",
    )
    # The local job is done when this returns; its logs would be looked for in CloudWatch.
    transformer.transform(f"file://{data}", content_type="application/jsonlines", split_type="Line", wait=False)
    lines = (scratch / "scored/part.jsonl.out").read_text().splitlines()
    check_answers([json.loads(line) for line in lines if line])
    print("transform: three records in, three out")


def check_two_hosts(image, scratch, channel):
    """Two hosts train the model, bit for bit, that one trains with batches cut into two parts."""
    # Contract: sdk.two_hosts train.hosts
    weights = []
    for instances in (2, 1):
        estimator = make(image, scratch, instances=instances, **{"training.shards": 2})
        estimator.fit({"train": f"file://{channel}"})
        with tarfile.open(estimator.model_data.removeprefix("file://")) as archive:
            weights.append(archive.extractfile(weights_name(archive)).read())
    expect(weights[0] == weights[1], "two hosts trained another model than one")
    print("fit: two hosts train one model")


def weights_name(archive):
    names = [name for name in archive.getnames() if name.removeprefix("./") == "model.safetensors"]
    expect(len(names) == 1, f"weights in the model archive: {names}")
    return names[0]


def check_failure(image, scratch, channel):
    # Contract: sdk.failure
    estimator = make(image, scratch, **{"training.lr": 1})
    try:
        estimator.fit({"train": f"file://{channel}"})
    except RuntimeError as error:
        expect("exited with code: 1" in str(error), f"the job failed with {error}")
        print("fit: a failure reaches the SDK")
        return
    sys.exit("error: a job with an unknown hyperparameter did not fail")


def check_answers(answers):
    expect(len(answers) == 3, f"{len(answers)} answers to 3 records")
    first, second, third = answers
    expect([answer["id"] for answer in answers] == ["A", "B", "C"], f"order {answers}")
    expect(first["risk"] != third["risk"] and second["error"]["code"] == "invalid_value", f"answers {answers}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_silence(port, seconds=30):
    silent = threading.Event()
    for _ in range(seconds * 5):
        with socket.socket() as client:
            client.settimeout(1)
            if client.connect_ex(("127.0.0.1", port)) != 0:
                return True
        silent.wait(0.2)
    return False


def expect(holds, otherwise):
    if not holds:
        sys.exit(f"error: {otherwise}")


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        # The SDK's threads live as long as a container runs.
        from sagemaker.local.utils import kill_child_processes

        kill_child_processes(os.getpid())
        os._exit(1)
