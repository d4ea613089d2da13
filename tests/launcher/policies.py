"""What each role may and must not do, by a simulator of others; the template, by others' readers."""

import ast
import collections
import collections.abc
import json
import subprocess
import sys
from pathlib import Path

import boto3
import parliament
from moto import mock_aws

from checks import check

# principalmapper 1.1.5 imports these from where Python had them before 3.10.
for name in ("Mapping", "MutableMapping"):
    setattr(collections, name, getattr(collections.abc, name))
from principalmapper.querying.local_policy_simulation import policy_has_matching_statement  # noqa: E402
from principalmapper.util.case_insensitive_dict import CaseInsensitiveDict  # noqa: E402

KEY = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
JOB = "arn:aws:sagemaker:eu-central-1:111122223333:training-job/train-1"
PACKAGE = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/lung/1"
ENDPOINT = "arn:aws:sagemaker:eu-central-1:111122223333:endpoint/lung"
ROLE = "arn:aws:iam::111122223333:role/oncoweave-pipeline"
ADMIN = "arn:aws:iam::111122223333:role/admin"
SAFE = {"sagemaker:NetworkIsolation": "true", "sagemaker:OutputKmsKey": KEY}
TO_SAGEMAKER = {"iam:PassedToService": "sagemaker.amazonaws.com"}


def data(path, bucket="cohorts"):
    return f"arn:aws:s3:::{bucket}/{path}"


# role, action, resource, what is known of the call, whether it may be done
CASES = [
    ("researcher", "sagemaker:CreateTrainingJob", JOB, SAFE, True),
    ("researcher", "sagemaker:CreateTrainingJob", JOB, SAFE | {"sagemaker:NetworkIsolation": "false"}, False),
    ("researcher", "sagemaker:CreateTrainingJob", JOB, {"sagemaker:NetworkIsolation": "true"}, False),
    ("researcher", "sagemaker:CreateModelPackage", PACKAGE,
     {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}, True),
    ("researcher", "sagemaker:CreateModelPackage", PACKAGE, {"sagemaker:ModelApprovalStatus": "Approved"}, False),
    ("researcher", "sagemaker:UpdateModelPackage", PACKAGE, {}, False),
    ("researcher", "sagemaker:InvokeEndpoint", ENDPOINT, {}, True),
    ("researcher", "iam:PassRole", ROLE, TO_SAGEMAKER, True),
    ("researcher", "iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}, False),
    ("researcher", "iam:PassRole", ADMIN, TO_SAGEMAKER, False),
    ("researcher", "iam:CreateRole", ADMIN, {}, False),
    ("researcher", "s3:GetObject", data("lung/cohort/cohort.toml"), {}, True),
    ("researcher", "s3:GetObject", data("breast/cohort/cohort.toml"), {}, False),
    ("researcher", "s3:GetObject", data("lung/x", "other"), {}, False),
    ("researcher", "s3:DeleteObject", data("lung/x"), {}, False),
    ("researcher", "s3:ListBucket", "arn:aws:s3:::cohorts", {"s3:prefix": "lung/"}, True),
    ("researcher", "s3:ListBucket", "arn:aws:s3:::cohorts", {"s3:prefix": "breast/"}, False),
    ("researcher", "s3:PutBucketPolicy", "arn:aws:s3:::cohorts", {}, False),
    ("researcher", "kms:Decrypt", KEY, {}, True),
    ("researcher", "kms:ScheduleKeyDeletion", KEY, {}, False),
    ("researcher", "sagemaker:CreatePresignedNotebookInstanceUrl", ENDPOINT, {}, False),
    ("pipeline", "sagemaker:CreateTrainingJob", JOB, {}, True),
    ("pipeline", "s3:GetObject", data("lung/cohort/a.vcf"), {}, True),
    ("pipeline", "s3:PutObject", data("lung/models/m.tar.gz"), {}, True),
    ("pipeline", "s3:PutObject", data("breast/models/m.tar.gz"), {}, False),
    ("pipeline", "s3:DeleteObject", data("lung/cohort/a.vcf"), {}, False),
    ("pipeline", "sagemaker:CreateEndpoint", ENDPOINT, {}, False),
    ("pipeline", "sagemaker:InvokeEndpoint", ENDPOINT, {}, False),
    ("pipeline", "sagemaker:UpdateModelPackage", PACKAGE, {}, False),
    ("pipeline", "iam:PassRole", ADMIN, TO_SAGEMAKER, False),
    ("pipeline", "kms:ScheduleKeyDeletion", KEY, {}, False),
    ("endpoint", "s3:GetObject", data("lung/models/m.tar.gz"), {}, True),
    ("endpoint", "s3:GetObject", data("lung/cohort/a.vcf"), {}, False),
    ("endpoint", "s3:GetObject", data("lung/predictions/a.csv"), {}, False),
    ("endpoint", "s3:PutObject", data("lung/models/m.tar.gz"), {}, False),
    ("endpoint", "s3:PutObject", data("lung/async/lung/answers/1"), {}, True),
    ("endpoint", "sagemaker:CreateTrainingJob", JOB, SAFE, False),
    ("endpoint", "iam:PassRole", ROLE, TO_SAGEMAKER, False),
    ("dashboard", "s3:GetObject", data("lung/predictions/a.csv"), {}, True),
    ("dashboard", "s3:GetObject", data("lung/cohort/clinical.csv"), {}, False),
    ("dashboard", "s3:GetObject", data("lung/models/m.tar.gz"), {}, False),
    ("dashboard", "s3:PutObject", data("lung/predictions/a.csv"), {}, False),
    ("dashboard", "s3:ListBucket", "arn:aws:s3:::cohorts", {"s3:prefix": "lung/cohort/"}, False),
    ("dashboard", "sagemaker:InvokeEndpoint", ENDPOINT, {}, False),
    ("dashboard", "kms:GenerateDataKey", KEY, {}, False),
    ("dashboard", "kms:Decrypt", KEY, {}, True),
]
# The bucket's own policy refuses these, whoever asks: action, what is known, whether it is refused.
BUCKET = [
    ("s3:GetObject", {"aws:SecureTransport": "false"}, True),
    ("s3:GetObject", {"aws:SecureTransport": "true"}, False),
    ("s3:PutObject", {"aws:SecureTransport": "true", "s3:x-amz-server-side-encryption": "AES256"}, True),
    ("s3:PutObject", {"aws:SecureTransport": "true", "s3:x-amz-server-side-encryption": "aws:kms"}, False),
    ("s3:PutObject", {"aws:SecureTransport": "true"}, False),
]
# parliament knows the services of its day: keys of conditions that came later are unknown to it.
UNKNOWN_TO_PARLIAMENT = {"UNKNOWN_CONDITION_FOR_ACTION", "UNKNOWN_ACTION", "RESOURCE_MISMATCH"}


def matches(policy, effect, action, resource, known):
    return policy_has_matching_statement(policy, effect, action, resource, CaseInsensitiveDict(known))


def may(policy, action, resource, known):
    allowed = matches(policy, "Allow", action, resource, known)
    return allowed and not matches(policy, "Deny", action, resource, known)


def check_roles(policies):
    for role, action, resource, known, expected in CASES:
        found = may(policies[role], action, resource, known)
        verb = "may" if expected else "must not"
        check(f"{role} {verb} {action} on {resource} with {known}", found is expected)
    for action, known, refused in BUCKET:
        policy = json.loads(json.dumps(policies["bucket"]))
        for statement in policy["Statement"]:
            del statement["Principal"]
        found = matches(policy, "Deny", action, data("lung/x"), known)
        check(f"the bucket refuses {action} with {known}: {refused}", found is refused)
    for name in ("researcher", "pipeline", "endpoint", "dashboard"):
        analysed = parliament.analyze_policy_string(json.dumps(policies[name]))
        found = [str(one) for one in analysed.findings if one.issue not in UNKNOWN_TO_PARLIAMENT]
        check(f"{name}: parliament", not found, found)
        for statement in policies[name]["Statement"]:
            actions = statement["Action"]
            wild = [one for one in ([actions] if isinstance(actions, str) else actions) if "*" in one]
            check(f"{name} {statement['Sid']}: no wildcard among actions", not wild, wild)
        size = len(json.dumps(policies[name], separators=(",", ":")))
        check(f"{name} is within the 6,144 characters of a managed policy", size <= 6144, size)
        check(f"{name} names no account", "111122223333" not in json.dumps(policies[name]))


def check_template(path):
    lint = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([str(lint), "--regions", "eu-central-1", "--", str(path)], capture_output=True, text=True)
    check("cfn-lint", done.returncode == 0, done.stdout + done.stderr)
    deploy(path.read_text(), [])
    deploy(path.read_text(), [{"ParameterKey": "FunctionArchive", "ParameterValue": "function.zip"}])


@mock_aws
def deploy(text, parameters):
    keys = {"aws_access_key_id": "example", "aws_secret_access_key": "example", "region_name": "eu-central-1"}
    cloud = boto3.client("cloudformation", **keys)
    name = f"oncoweave-{len(parameters)}"
    try:
        cloud.create_stack(StackName=name, TemplateBody=text, Parameters=parameters,
                           Capabilities=["CAPABILITY_NAMED_IAM"])
    except Exception as error:  # noqa: BLE001
        check(f"moto makes {name}", False, repr(error))
        return
    made = cloud.describe_stack_resources(StackName=name)["StackResources"]
    kinds = {one.get("ResourceType") for one in made}
    expected = {"AWS::EC2::VPC", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::IAM::Role", "AWS::ECR::Repository",
                "AWS::EC2::VPCEndpoint", "AWS::IAM::ManagedPolicy"}
    check(f"{name}: what is made", expected <= kinds, expected - kinds)
    check(f"{name}: deployment on approval", ("AWS::Events::Rule" in kinds) is bool(parameters), kinds)
    outputs = {one["OutputKey"]: one["OutputValue"] for one in cloud.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]}
    check(f"{name}: outputs", {"Bucket", "KmsKey", "PipelineRole"} <= set(outputs), outputs)
    iam = boto3.client("iam", **keys)
    policy = iam.get_role_policy(RoleName=f"{name}-endpoint", PolicyName="endpoint")["PolicyDocument"]
    # moto keeps a document as Python writes it.
    policy = ast.literal_eval(policy) if isinstance(policy, str) else policy
    bucket = outputs["Bucket"]
    check(f"{name}: the endpoint reads models", may(policy, "s3:GetObject", data("oncoweave/models/m", bucket), {}))
    check(f"{name}: and no cohort", not may(policy, "s3:GetObject", data("oncoweave/cohort/m", bucket), {}))
    check(f"{name}: nothing is left to fill in", "${" not in json.dumps(policy), policy)


def run(program):
    folder = program.folder / "policies"
    done = program.run("policy", "--out", str(folder))
    check("policies are written", done.returncode == 0, done.stderr)
    policies = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    check_roles(policies)
    check_template(folder / "template.json")
