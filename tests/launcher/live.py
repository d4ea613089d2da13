"""Commands against moto's servers, what they made read back with boto3."""

import io
import json
import logging
import tarfile
import time
import urllib.error
import urllib.request

import boto3
from moto.server import ThreadedMotoServer

import functions
from checks import check

EVALUATION = {
    "patients": 120, "events": 60, "design": "held-out patients", "cohort": "lung", "data_sha256": "00",
    "program_version": "0.1.0",
    "models": [{"name": "fusion", "c_index": {"value": 0.71, "low": 0.65, "high": 0.77}, "c_index_uno": None,
                "auc": [{"time_days": 365.25, "value": 0.74, "low": 0.6, "high": 0.8}], "ibs": 0.18}],
    "comparisons": [{"a": "fusion", "b": "ridge Cox", "delta_c_index": 0.02, "low": 0.0, "high": 0.04, "p": 0.1}],
    "exclusions": [{"patient_id": "SECRET-1", "modality": "", "step": "align", "reason": "no outcome"}],
}
CARD = {
    "model_overview": {"model_description": "x", "model_creator": "Oncoweave 0.1.0", "model_owner": "y"},
    "intended_uses": {"purpose_of_model": "research"},
}


def run(program):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "example", "aws_secret_access_key": "example", "region_name": "eu-central-1",
                "endpoint_url": address}
        s3, sagemaker = boto3.client("s3", **keys), boto3.client("sagemaker", **keys)
        s3.create_bucket(Bucket="cohorts", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        program.environment["AWS_ENDPOINT_URL"] = address
        jobs(program, sagemaker, s3)
        registered(program, sagemaker, s3)
        deployed(program, sagemaker)
        pipeline(program, sagemaker)
        functions.run(program, address)
        logs(program, boto3.client("logs", **keys))
        refused(program)
    finally:
        server.stop()


def good(program, *arguments):
    done = program.run(*arguments)
    check(" ".join(arguments[:2]), done.returncode == 0, done.stderr)
    return done.stdout


def jobs(program, sagemaker, s3):
    good(program, "train", "--train", "cohort.parquet", "--name", "train-1", "--spot", "--config", "train.toml",
         "--experiment", "lung", "--trial", "ct")
    job = sagemaker.describe_training_job(TrainingJobName="train-1")
    shown = program.json("train", "--train", "cohort.parquet", "--name", "train-1", "--spot", "--config", "train.toml",
                         "--dry-run")
    request = shown[-1]["request"]
    for field in ("HyperParameters", "InputDataConfig", "ResourceConfig", "OutputDataConfig", "StoppingCondition",
                  "EnableNetworkIsolation", "EnableManagedSpotTraining"):
        check(f"what was shown is what was sent: {field}", job[field] == request[field], job[field])
    check("the table was uploaded", s3.get_object(Bucket="cohorts", Key="lung/data/train-1/train/cohort.parquet")[
        "Body"].read() == b"PAR1")
    check("encrypted", s3.head_object(Bucket="cohorts", Key="lung/data/train-1/train/cohort.parquet")[
        "ServerSideEncryption"] == "aws:kms")
    # A second job of the same experiment finds it there.
    good(program, "train", "--train", "s3://cohorts/lung/x", "--name", "train-2", "--experiment", "lung", "--trial", "ct")
    good(program, "process", "s3://cohorts/lung/cohort", "--name", "extract-1", "--hosts", "3")
    job = sagemaker.describe_processing_job(ProcessingJobName="extract-1")
    check("the job's arguments", job["AppSpecification"]["ContainerArguments"] == ["container", "process"], job)
    good(program, "tune", "search.toml", "--train", "s3://cohorts/lung/x", "--name", "tune-1")
    job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="tune-1")
    ranges = job["HyperParameterTuningJobConfig"]["ParameterRanges"]
    check("ranges", ranges["IntegerParameterRanges"][0]["Name"] == "network.width", ranges)
    good(program, "transform", "records.jsonl", "--model-data", "s3://cohorts/m.tar.gz", "--name", "score-1", "--join")
    job = sagemaker.describe_transform_job(TransformJobName="score-1")
    check("joined", job["DataProcessing"]["JoinSource"] == "Input")
    for name in ("train-1", "extract-1", "score-1", "tune-1"):
        text = good(program, "status", name)
        check(f"status of {name}", "Completed" in text, text)
    text = good(program, "status", "train-1", "--follow")
    check("following ends", "training: Completed" in text, text)
    told = program.run("status", "train-1", "--json")
    check("the whole description", json.loads(told.stdout)["TrainingJobName"] == "train-1")


def registered(program, sagemaker, s3):
    folder = program.folder / "model"
    folder.mkdir(exist_ok=True)
    (folder / "model.toml").write_text("a = 1")
    (folder / "card.json").write_text(json.dumps(CARD))
    (program.folder / "evaluation.json").write_text(json.dumps(EVALUATION))
    for _ in range(2):
        arn = good(program, "register", "model", "--group", "lung", "--evaluation", "evaluation.json").strip()
    check("the second version", arn.endswith("/2"), arn)
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    check("waits for approval", package["ModelApprovalStatus"] == "PendingManualApproval")
    check("its figures", package["CustomerMetadataProperties"]["c_index"] == "0.71")
    # moto keeps no card; the request that was sent has one.
    shown = program.json("register", "model", "--group", "lung", "--evaluation", "evaluation.json", "--dry-run")
    card = json.loads(shown[-1]["request"]["ModelCard"]["ModelCardContent"])
    check("its card", card["model_overview"] == {"model_creator": "Oncoweave 0.1.0"}, card)
    check("no patient in the card", "SECRET" not in json.dumps(shown))
    place = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    figures = s3.get_object(Bucket="cohorts", Key=place.removeprefix("s3://cohorts/"))["Body"].read().decode()
    check("figures in S3", json.loads(figures)["survival_metrics"]["c_index"]["value"] == 0.71, figures)
    check("no patient in the registry", "SECRET" not in figures + json.dumps(package, default=str))
    place = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    archive = s3.get_object(Bucket="cohorts", Key=place.removeprefix("s3://cohorts/"))["Body"].read()
    names = tarfile.open(fileobj=io.BytesIO(archive)).getnames()
    check("the model's files", {name.removeprefix("./") for name in names} >= {"model.toml", "card.json"}, names)
    program.package = arn


def deployed(program, sagemaker):
    good(program, "deploy", "lung", "--package", program.package)
    endpoint = sagemaker.describe_endpoint(EndpointName="lung")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    check("one machine", config["ProductionVariants"][0]["InitialInstanceCount"] == 1)
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    check("the role of endpoints", model["ExecutionRoleArn"].endswith("/oncoweave-endpoint"))
    check("in the network", model["VpcConfig"]["Subnets"][0].startswith("subnet-"))
    good(program, "deploy", "slow", "--package", program.package, "--async")
    text = good(program, "status", "lung")
    check("in service", "endpoint: InService" in text, text)
    text = good(program, "invoke", "lung", "records.jsonl")
    check("an answer", text, text)
    relayed(program, text)
    done = program.run("clean", "lung")
    check("clean says what it would do", "DeleteEndpoint" in done.stdout and "--yes" in done.stderr, done.stderr)
    check("and does not", sagemaker.describe_endpoint(EndpointName="lung")["EndpointStatus"] == "InService")
    good(program, "clean", "lung", "--yes")
    names = [one["EndpointName"] for one in sagemaker.list_endpoints()["Endpoints"]]
    check("clean deletes the endpoint alone", names == ["slow"], names)
    models = [one["ModelName"] for one in sagemaker.list_models()["Models"]]
    check("and its model", not any(one.startswith("lung-") for one in models), models)


def relayed(program, answer):
    relay = program.start("relay", "lung", "--listen", "127.0.0.1:0")
    try:
        address = relay.stdout.readline().strip()
        records = (program.folder / "records.jsonl").read_bytes()

        def ask(**headers):
            headers["Content-Type"] = "application/jsonlines"
            try:
                with urllib.request.urlopen(urllib.request.Request(address, records, headers)) as found:
                    return found.status, found.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        check("the relay's answer is the endpoint's", ask() == (200, answer), ask())
        for header in ({"Origin": "http://127.0.0.1"}, {"Host": "evil.example"}):
            check(f"no browser: {header}", ask(**header)[0] == 403, ask(**header))
    finally:
        relay.terminate()
        relay.wait()
    done = program.run("relay", "lung", "--listen", "0.0.0.0:0")
    check("the loopback alone", done.returncode == 1 and "in your name" in done.stderr, done.stderr)


def pipeline(program, sagemaker):
    arguments = ["pipeline", "lung", "--group", "lung", "--search", "search.toml"]
    text = good(program, *arguments, "--create", "--start", "--parameter", "MinimumPatients=50")
    check("two ARNs", len(text.split()) == 2 and ":pipeline/lung" in text, text)
    read = json.loads(sagemaker.describe_pipeline(PipelineName="lung")["PipelineDefinition"])
    check("the definition that was printed", read == program.json(*arguments))
    text = good(program, "lambda", "--help")
    check("lambda", "bootstrap" in text)


def logs(program, client):
    client.create_log_group(logGroupName="/aws/sagemaker/TrainingJobs")
    for machine in ("algo-1-1", "algo-2-1"):
        stream = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": f"train-1/{machine}"}
        client.create_log_stream(**stream)
        lines = [{"timestamp": int(time.time() * 1000) + at, "message": f"epoch={at}; val:cindex=0.6;"} for at in range(3)]
        client.put_log_events(**stream, logEvents=lines)
    text = good(program, "logs", "train-1")
    check("the log of both machines", text.count("epoch=2;") == 2 and "algo-2-1 | epoch=0;" in text, text)


def refused(program):
    done = program.run("status", "nobody")
    check("nobody", done.returncode == 1 and "no job and no endpoint is named nobody" in done.stderr, done.stderr)
    done = program.run("train", "--train", "s3://b/x", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    check("not reached", done.returncode == 1 and "not reached" in done.stderr, done.stderr)
    done = program.run("register", "nothing", "--group", "lung")
    check("no model folder", "expected a model folder" in done.stderr, done.stderr)
    done = program.run("register", "s3://cohorts/m.tar.gz", "--group", "lung", "--evaluation", "none.json")
    check("no evaluation", "none.json" in done.stderr, done.stderr)
    done = program.run("status", "x", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    check("no credentials", done.returncode == 1 and "no credentials were found" in done.stderr, done.stderr)
    (program.folder / "plain.toml").write_text((program.folder / "sagemaker.toml").read_text().replace(
        'region = "eu-central-1"', ""))
    done = program.run("status", "x", "--settings", "plain.toml")
    check("no region", "no region is known" in done.stderr, done.stderr)
