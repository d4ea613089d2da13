"""Every request of every command against botocore's description of its service."""

import shlex
from pathlib import Path

from checks import check, operation, violations

ARN = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/lung/3"
MODEL = "s3://cohorts/lung/models/train-1/output/model.tar.gz"
DATA = "s3://cohorts/lung/features/cohort"
TRAINING = ["--train", DATA, "--config", "train.toml"]

COMMANDS = {
    "process": ["process", "s3://cohorts/lung/cohort"],
    "process on four": ["process", "s3://cohorts/lung/cohort", "--hosts", "4", "--name", "extract-1"],
    "process joins": ["process", "s3://cohorts/lung/cohort", "--join", "s3://cohorts/lung/features/e/shares"],
    "train": ["train", *TRAINING],
    "train on spot": ["train", *TRAINING, "--spot", "--validation", DATA, "--hosts", "2", "--tensorboard"],
    "train warm": ["train", *TRAINING, "--keep-alive-s", "1800", "--fast-file"],
    "train in an experiment": ["train", *TRAINING, "--experiment", "lung", "--trial", "ct"],
    "train a file": ["train", "--train", "cohort.parquet", "--set", "training.epochs=9"],
    "train with a disk": ["train", *TRAINING, "--instance", "ml.g5.xlarge"],
    "tune": ["tune", "search.toml", *TRAINING],
    "tune at random": ["tune", "search.toml", *TRAINING, "--strategy", "random", "--early-stopping", "--seed", "3"],
    "tune by hyperband": ["tune", "search.toml", *TRAINING, "--strategy", "hyperband", "--spot"],
    "tune a grid": ["tune", "grid.toml", *TRAINING, "--strategy", "grid", "--parallel", "4"],
    "register": ["register", MODEL, "--group", "lung", "--description", "first"],
    "deploy": ["deploy", "lung", "--package", ARN],
    "deploy scaled": ["deploy", "lung", "--model-data", MODEL, "--scale", "1:4:600", "--update"],
    "deploy serverless": ["deploy", "lung", "--package", ARN, "--serverless", "2048"],
    "deploy async": ["deploy", "lung", "--package", ARN, "--async", "--scale", "0:3:2"],
    "deploy several": ["deploy", "lung", "--container", f"lung={MODEL}", "--container", f"breast={MODEL}"],
    "deploy a chain": ["deploy", "lung", "--container", f"a={MODEL}", "--container", f"b={MODEL}", "--serial"],
    "transform": ["transform", "s3://cohorts/lung/records/a.jsonl", "--package", ARN, "--join",
                  "--output-filter", "$['patient_id','SageMakerOutput']"],
    "transform a file": ["transform", "records.jsonl", "--model-data", MODEL, "--concurrent", "8", "--payload-mb", "6"],
    "transform parquet": ["transform", "s3://cohorts/lung/records/a.parquet", "--model", "lung-1",
                          "--accept", "application/jsonlines"],
    "pipeline": ["pipeline", "lung", "--group", "lung", "--search", "search.toml", "--create", "--start"],
    "pipeline again": ["pipeline", "lung", "--group", "lung", "--search", "search.toml", "--update"],
}

REFUSED = {
    "a name that is too long": (["train", *TRAINING, "--name", "x" * 64], "TrainingJobName must have 1 to 63"),
    "a name of bad letters": (["train", *TRAINING, "--name", "a_b"], "TrainingJobName must match"),
    "a machine that is none": (["train", *TRAINING, "--instance", "ml.huge"], "InstanceType must be one of"),
    "a tuning name that is too long": (["tune", "search.toml", *TRAINING, "--name", "x" * 33], "must have 1 to 32"),
    "a run that is too long": (["process", DATA, "--max-runtime-s", "999999"], "MaxRuntimeInSeconds must be"),
    "a wait below the run": (["train", *TRAINING, "--spot", "--max-wait-s", "60"], "the wait includes the run"),
    "warm and spot": (["train", *TRAINING, "--spot", "--keep-alive-s", "60"], "cannot be used with"),
    "a warm pool that is too long": (["train", *TRAINING, "--keep-alive-s", "99999"], "KeepAlivePeriodInSeconds must be"),
    "a grid of ranges": (["tune", "search.toml", *TRAINING, "--strategy", "grid"], "a grid takes lists"),
    "a filter that is too long": (["transform", "s3://b/a.csv", "--model", "m", "--input-filter", "$" + "[0]" * 30],
                                  "InputFilter must have 0 to 63"),
    "parquet joined": (["transform", "s3://b/a.parquet", "--model", "m", "--join"], "cannot be joined"),
    "a small memory": (["deploy", "lung", "--package", ARN, "--serverless", "512"], "MemorySizeInMB must be"),
    "scaling to nothing": (["deploy", "lung", "--package", ARN, "--scale", "0:2:5"], "only asynchronous"),
    "too many requests at a time": (["transform", "s3://b/a.csv", "--model", "m", "--concurrent", "20", "--payload-mb",
                                     "6"], "more than the 100 MB"),
    "cohort not in S3": (["process", "cohort"], "copy a folder with `aws s3 sync cohort s3://cohorts/lung/cohort`"),
    "a slash too few": (["train", "--train", "s3:/cohorts/x"], "places in S3 begin with s3://"),
}


def check_safe(name, service, request):
    """What protects data stands in each request."""
    text = str(request)
    if service == "sagemaker" and "RoleArn" in request and "PipelineName" not in request:
        check(f"{name}: volumes and results have a key", "KmsKeyId" in text)
    isolation = request.get("EnableNetworkIsolation", request.get("NetworkConfig", {}).get("EnableNetworkIsolation"))
    if isolation is not None and "serverless" not in name:
        check(f"{name}: isolated", isolation is True)


def check_all(program):
    for name, arguments in COMMANDS.items():
        for item in program.json(*arguments, "--dry-run") or []:
            service, request = item["service"], item["request"]
            if service == "s3api":
                shape = operation("s3", "PutObject").input_shape
                check(f"{name}: encrypted", request["ServerSideEncryption"] == "aws:kms")
            else:
                shape = operation(service, item["operation"]).input_shape
                check_safe(name, service, request)
            found = violations(shape, request, item["operation"])
            check(f"{name}: {item['operation']}", not found, found)
    for name, (arguments, sentence) in REFUSED.items():
        done = program.run(*arguments, "--dry-run")
        check(f"refused: {name}", done.returncode != 0 and sentence in done.stderr, done.stderr or done.stdout)
        check(f"{name}: nothing on stdout", not done.stdout, done.stdout)


def check_said(program):
    bare = program.folder / "bare.toml"
    bare.write_text('role = "arn:aws:iam::111122223333:role/r"\nimage = "i"\nbucket = "cohorts"\n')
    done = program.run("train", *TRAINING, "--dry-run", "--settings", "bare.toml")
    check("no key is said", "no kms_key is set" in done.stderr, done.stderr)
    check("no network is said", "no [vpc] is set" in done.stderr, done.stderr)
    done = program.run("train", *TRAINING, "--dry-run", "--set", "training.epoch=9")
    refused = done.returncode == 1 and "training has no setting `training.epoch`" in done.stderr
    check("a misspelt setting", refused, done.stderr)
    done = program.run("train", *TRAINING, "--settings", "none.toml")
    check("no settings", done.returncode == 1 and "--settings" in done.stderr, done.stderr)
    request = program.json("train", *TRAINING, "--spot", "--dry-run")[0]["request"]
    check("spot waits", request["StoppingCondition"]["MaxWaitTimeInSeconds"] >= request["StoppingCondition"][
        "MaxRuntimeInSeconds"] and request["EnableManagedSpotTraining"])
    check("spot keeps checkpoints", request["CheckpointConfig"]["S3Uri"].startswith("s3://cohorts/lung/checkpoints/"))
    check("lists are JSON", request["HyperParameters"]["modalities"] == '["ct","clinical"]', request["HyperParameters"])
    request = program.json("train", *TRAINING, "--hosts", "2", "--dry-run")[0]["request"]
    check("machines speak encrypted", request["EnableInterContainerTrafficEncryption"] is True)


def check_patterns_are_taken(program):
    """The checker of botocore is no rubber stamp: it finds what is wrong."""
    shape = operation("sagemaker", "CreateModel").input_shape
    for body in [{}, {"ModelName": "a_b"}, {"ModelName": "a", "X": 1}, {"ModelName": "x" * 64}]:
        check(f"found in {body}", violations(shape, body, "CreateModel"))


def commands_of(readme):
    """The launcher's commands in the README's blocks."""
    for line in readme.read_text().splitlines():
        if line.startswith("oncoweave sagemaker "):
            yield shlex.split(line)[2:]


def check_readme(program):
    readme = Path(__file__).resolve().parents[2] / "crates/sagemaker/README.md"
    found = list(commands_of(readme))
    check("the README has its walk", len(found) >= 9, found)
    for arguments in found:
        # These ask AWS before they do anything.
        if arguments[0] in ("status", "clean"):
            continue
        items = program.json(*arguments, "--dry-run") or []
        check(f"README: {arguments[0]}", items)
        for item in items:
            if item["service"] in ("sagemaker", "application-autoscaling"):
                shape = operation(item["service"], item["operation"]).input_shape
                found = violations(shape, item["request"], item["operation"])
                check(f"README: {item['operation']}", not found, found)


def run(program):
    check_all(program)
    check_said(program)
    check_patterns_are_taken(program)
    check_readme(program)
