"""The pipeline's definition and its twin for Step Functions."""

import json
import re

import boto3
from moto import mock_aws

from checks import check, operation, violations

OPERATIONS = {
    "Processing": ("CreateProcessingJob", "DescribeProcessingJob", "ProcessingJobName"),
    "Training": ("CreateTrainingJob", "DescribeTrainingJob", "TrainingJobName"),
    "Tuning": ("CreateHyperParameterTuningJob", "DescribeHyperParameterTuningJob", "HyperParameterTuningJobName"),
    "Transform": ("CreateTransformJob", "DescribeTransformJob", "TransformJobName"),
    "Model": ("CreateModel", "DescribeModel", "ModelName"),
    "RegisterModel": ("CreateModelPackage", "DescribeModelPackage", None),
}
ARGUMENTS = ["pipeline", "lung", "--group", "lung", "--search", "search.toml", "--config", "train.toml"]


def is_reference(value):
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("Get", "Std:Join", "Std:JsonGet")


def references(value):
    if isinstance(value, dict):
        if "Get" in value:
            yield value["Get"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolves(path, steps):
    """Whether a path such as Steps.Train.ModelArtifacts.S3ModelArtifacts is in what the service answers."""
    parts = re.findall(r"\['([^']+)'\]|([^.\[\]]+)", path)
    parts = [quoted or plain for quoted, plain in parts]
    if parts[:1] != ["Steps"] or parts[1] not in steps:
        return False
    step = steps[parts[1]]
    if parts[2] == "PropertyFiles":
        return parts[3] in [one["PropertyFileName"] for one in step["PropertyFiles"]]
    shape = operation("sagemaker", OPERATIONS[step["Type"]][1]).output_shape
    for part in parts[2:]:
        if shape.type_name == "map":
            shape = shape.value
        elif shape.type_name == "structure" and part in shape.members:
            shape = shape.members[part]
        else:
            return False
    return shape.type_name not in ("structure", "list", "map")


def check_definition(definition):
    check("version", definition["Version"] == "2020-12-01")
    steps = {}
    for step in definition["Steps"]:
        for one in [step, *step["Arguments"].get("IfSteps", []), *step["Arguments"].get("ElseSteps", [])]:
            check(f"{one['Name']} is one of a kind", one["Name"] not in steps)
            steps[one["Name"]] = one
    parameters = {one["Name"] for one in definition["Parameters"]}
    for one in definition["Parameters"]:
        kinds = {"String": str, "Float": float, "Integer": int, "Boolean": bool}
        check(f"parameter {one['Name']}", isinstance(one["DefaultValue"], kinds[one["Type"]]))
    for name, step in steps.items():
        if step["Type"] not in OPERATIONS:
            continue
        create, _, made = OPERATIONS[step["Type"]]
        # What a reference stands for is not known; a text of the right kind takes its place.
        found = violations(operation("sagemaker", create).input_shape, step["Arguments"], create, is_reference)
        check(f"step {name}", not found, found)
        check(f"step {name} leaves its name to the platform", made not in step["Arguments"])
        required = set(operation("sagemaker", create).input_shape.required_members) - {made}
        check(f"step {name} is whole", required <= set(step["Arguments"]), required)
        for path in references(step):
            kind, _, rest = path.partition(".")
            good = {
                "Parameters": rest in parameters,
                "Execution": rest == "PipelineExecutionId",
                "Steps": kind == "Steps" and resolves(path, steps),
            }.get(kind, False)
            check(f"{name}: {path}", good)
    order = [step["Name"] for step in definition["Steps"]]
    expected = ["Extract", "Align", "Gate", "Tune", "Train", "Evaluate", "BetterThanBaseline"]
    check("order", order == expected, order)
    condition = definition["Steps"][-1]["Arguments"]
    check("what follows a yes", [one["Name"] for one in condition["IfSteps"]] == ["Register", "Model", "Transform"])
    check("what follows a no", [one["Type"] for one in condition["ElseSteps"]] == ["Fail"])
    check("a wrong path is seen", not resolves("Steps.Train.ModelArtifacts.Nothing", steps))


@mock_aws
def check_state_machine(machine):
    client = boto3.client("stepfunctions", region_name="eu-central-1", **KEYS)
    role = "arn:aws:iam::123456789012:role/oncoweave-pipeline"
    text = json.dumps(machine)
    made = client.create_state_machine(name="oncoweave", definition=text, roleArn=role)
    read = client.describe_state_machine(stateMachineArn=made["stateMachineArn"])
    check("the state machine is taken", read["definition"] == text)
    states = machine["States"]
    reached, todo = set(), [machine["StartAt"]]
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        reached.add(name)
        state = states[name]
        todo += [state[key] for key in ("Next", "Default") if key in state]
        todo += [choice["Next"] for choice in state.get("Choices", [])]
    check("every state is reached", reached == set(states), set(states) - reached)
    ends = [name for name, state in states.items() if state.get("End") or state["Type"] == "Fail"]
    check("ends", sorted(ends) == ["NoBetter", "Transform"], ends)


KEYS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}


def run(program):
    definition = program.json(*ARGUMENTS)
    if definition:
        check_definition(definition)
    machine = program.json(*ARGUMENTS, "--step-functions")
    if machine:
        check_state_machine(machine)
    rule = program.json(*ARGUMENTS, "--approval-rule")
    if rule:
        found = violations(operation("events", "PutRule").input_shape, rule, "PutRule")
        check("the rule", not found, found)
        pattern = json.loads(rule["EventPattern"])
        check("the rule's pattern", pattern["detail"]["ModelApprovalStatus"] == ["Approved"], pattern)
