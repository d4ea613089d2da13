#!/usr/bin/env python3
"""Checks the image as a platform uses it: its size, its start, its manners.

usage: check.py ENGINE IMAGE PROGRAM
ENGINE is a command such as `docker`; PROGRAM is an `oncoweave` of this machine, which makes the data.
Lines that begin with `Contract:` name the rules of crates/serve/contract.toml that a check proves.
Needs root, to look into a container that has no network.
"""

import hashlib
import http.client
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from engine import Engine, free_port, own, request, training_root, write

MOST_BYTES = {"cpu": 700_000_000, "gpu": 4_000_000_000}
USER = 12345
FEW_EPOCHS = {"model": '"network"', "training.epochs": "3", "training.ensemble": '"1"'}
MANY_EPOCHS = {"model": "network", "training.epochs": "100000", "training.patience": "100000", "training.ensemble": "1", "training.validation_fraction": "0"}


def main():
    engine, program = Engine(sys.argv[1], sys.argv[2]), sys.argv[3]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        table = aligned(program, scratch)
        check_image(engine)
        model = check_training(engine, program, scratch, table)
        check_isolated_server(engine, scratch, model)
        check_start_and_drain(engine, scratch, model, table)
        check_stop_and_restart(engine, scratch, table)
        check_pipe(engine, scratch, table, model)
        check_late_names(engine, scratch, table)
        check_failure(engine, scratch, table)
        check_processing(engine, scratch)
    print("the image does what the platform asks")


def aligned(program, scratch):
    """A simulated cohort as one row a patient."""
    cohort = scratch / "cohort"
    run([program, "simulate", "--patients", "120", "--out", cohort])
    run([program, "extract", cohort / "cohort.toml", "--out", scratch / "features"], (0, 3))
    run([program, "align", cohort / "cohort.toml", "--features", scratch / "features", "--out", scratch / "cohort.parquet"], (0, 3))
    return scratch / "cohort.parquet"


def check_image(engine):
    # Contract: image.entrypoint image.labels image.size image.platform_folder
    image = engine.inspect()
    config = image["Config"]
    most = MOST_BYTES[config["Labels"]["org.oncoweave.device"]]
    expect(image["Size"] <= most, f"the image has {image['Size']} bytes, at most {most} were meant")
    expect(config["Entrypoint"] == ["oncoweave", "container"], f"entry point {config['Entrypoint']}")
    for name in ["multi-models", "accept-bind-to-port"]:
        expect(config["Labels"].get(f"com.amazonaws.sagemaker.capabilities.{name}") == "true", f"label {name}")
    container = engine.call("create", engine.image, "train", check=True).stdout.strip()
    exported = subprocess.Popen([*engine.command, "export", container], stdout=subprocess.PIPE)
    with tarfile.open(fileobj=exported.stdout, mode="r|") as files:
        shipped = [file.name for file in files if file.name.startswith("opt/ml/")]
    exported.wait()
    engine.call("rm", container, check=True)
    expect(exported.returncode == 0 and not shipped, f"below /opt/ml is {shipped}")
    print(f"image: {image['Size'] / 1e6:.0f} MB")


def check_training(engine, program, scratch, table):
    """Read-only root and inputs, no network, no rights, another user than root."""
    # Contract: image.read_only image.any_user train.isolation train.read_only_input train.fast_file
    # Contract: train.hyperparameters train.debug_hook train.tensorboard
    root = training_root(scratch / "job", table, FEW_EPOCHS)
    own(root, USER)
    before = digest(root / "input")
    done = engine.run(root, "train", user=USER)
    expect(done.returncode == 0, done.stderr + done.stdout)
    expect(done.stdout.count("epoch=") == 3 and "kept members=1;" in done.stdout, done.stdout)
    expect((root / "model/model.toml").is_file(), "no model")
    expect(any((root / "output/tensorboard").rglob("*tfevents*")), "no TensorBoard events")
    expect(digest(root / "input") == before, "the input was changed")
    # The libraries without symbols compute what the whole ones do.
    here = training_root(scratch / "here", table, FEW_EPOCHS)
    run([program, "container", "train"], environment={"ONCOWEAVE_ML_ROOT": str(here)})
    name = "model/model.safetensors"
    expect((root / name).read_bytes() == (here / name).read_bytes(), "image and program train different models")
    print("train: read-only root, read-only input, no network, user", USER)
    return root / "model"


def check_isolated_server(engine, scratch, model):
    """A container without network, asked from inside its own."""
    # Contract: serve.isolation image.read_only image.any_user
    root = served(scratch / "isolated", model)
    own(root, USER)
    server = engine.start(root, "serve", name="oncoweave-isolated", user=USER)
    try:
        inside = ["nsenter", "--net", "--target", str(engine.process_id("oncoweave-isolated"))]
        ask = "import time, urllib.request as u\nfor _ in range(300):\n  try: print(u.urlopen('http://127.0.0.1:8080/ping').status); break\n  except OSError: time.sleep(0.1)"
        asked = subprocess.run([*inside, sys.executable, "-c", ask], capture_output=True, text=True, timeout=60)
        expect(asked.stdout.strip() == "200", asked.stderr + asked.stdout)
    finally:
        engine.terminate("oncoweave-isolated")
    output, _ = server.communicate(timeout=40)
    expect(server.returncode == 0, output)
    print("serve: no network, user", USER)


def check_start_and_drain(engine, scratch, model, table):
    """Start to first good ping; requests in hand when asked to stop are answered."""
    # Contract: serve.ping serve.ping_leaving serve.bind_to_port serve.drain serve.pid_1
    root = served(scratch / "served", model)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    seconds = []
    for attempt in range(3):
        start = time.monotonic()
        bound = ["--env", f"SAGEMAKER_BIND_TO_PORT={port}"]
        server = engine.start(root, "serve", name="oncoweave-served", network="host", more=bound)
        while request(f"{url}/ping", timeout=2)[0] != 200:
            expect(server.poll() is None and time.monotonic() - start < 60, "no good ping within 60 s")
            time.sleep(0.005)
        seconds.append(time.monotonic() - start)
        if attempt < 2:
            stop(engine, server, "oncoweave-served")
    resident = resident_megabytes(engine.process_id("oncoweave-served"))
    print("serve: run to first good ping", ", ".join(f"{one:.2f} s" for one in seconds), f"; {resident:.0f} MB resident")
    record = json.dumps({"clinical.age": 60}).encode() + b"\n"
    body, headers = record * 5_000, {"Content-Type": "application/jsonlines"}
    status, _ = request(f"{url}/invocations", record, headers)
    expect(status == 200, f"one record gave {status}")
    # Half of a body before the signal, the other half after it.
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.putrequest("POST", "/invocations")
    client.putheader("Content-Type", headers["Content-Type"])
    client.putheader("Content-Length", str(len(body)))
    client.endheaders(body[: len(body) // 2])
    time.sleep(0.5)
    begun = time.monotonic()
    engine.terminate("oncoweave-served")
    time.sleep(0.5)
    expect(server.poll() is None, "the program ended with a request in hand")
    expect(request(f"{url}/ping", timeout=2)[0] != 200, "/ping is good while the program is on its way out")
    client.send(body[len(body) // 2 :])
    answer = client.getresponse()
    lines = answer.read().count(b"\n")
    expect((answer.status, lines) == (200, 5000), f"status {answer.status}, {lines} records of 5000")
    output, _ = server.communicate(timeout=40)
    took = time.monotonic() - begun
    expect(server.returncode == 0 and took < 30, f"exit code {server.returncode} after {took:.1f} s: {output}")
    print(f"serve: a request in hand was answered, ended {took:.1f} s after the signal")


def check_stop_and_restart(engine, scratch, table):
    """Stopped, and started again on another machine with nothing but the checkpoints."""
    # Contract: train.stop train.checkpoints train.host_names train.pid_1
    first = training_root(scratch / "stopped", table, MANY_EPOCHS, checkpoints=True)
    job = engine.start(first, "train", name="oncoweave-stopped")
    for line in job.stdout:
        if line.startswith("epoch=2;"):
            break
    begun = time.monotonic()
    engine.terminate("oncoweave-stopped")
    rest = job.stdout.read()
    expect(job.wait(timeout=120) == 0, rest)
    took = time.monotonic() - begun
    expect("stopped after epoch" in rest, rest[-500:])
    expect(not (first / "output/failure").exists() and not (first / "model/model.toml").exists(), "failure or model")
    kept = [path for path in (first / "checkpoints").rglob("*") if path.is_file()]
    expect(kept and all("algo-1" in str(path.relative_to(first)) for path in kept), f"checkpoints {kept}")
    again = training_root(scratch / "again", table, MANY_EPOCHS)
    subprocess.run(["cp", "-r", first / "checkpoints", again / "checkpoints"], check=True)
    job = engine.start(again, "train", name="oncoweave-again")
    line = job.stdout.readline()
    engine.terminate("oncoweave-again")
    job.communicate(timeout=120)
    stopped_at = int(rest.rsplit("stopped after epoch ", 1)[1].split(";")[0])
    expect(line.startswith(f"epoch={stopped_at + 1};"), f"went on with {line!r}, not with epoch {stopped_at + 1}")
    print(f"train: stopped with a checkpoint after {took:.1f} s, went on from it")


def check_pipe(engine, scratch, table, model):
    """A pipe that is made after the container has started."""
    # Contract: train.pipe
    root = training_root(scratch / "pipe", table, FEW_EPOCHS)
    (root / "input/data/train/cohort.parquet").unlink()
    (root / "input/data/train").rmdir()
    write(root / "input/config/inputdataconfig.json", {"train": {"TrainingInputMode": "Pipe"}})
    job = engine.start(root, "train", name="oncoweave-pipe")
    time.sleep(1)
    fifo = root / "input/data/train_0"
    os.mkfifo(fifo)
    fifo.write_bytes(Path(table).read_bytes())
    output, _ = job.communicate(timeout=300)
    expect(job.returncode == 0, output)
    trained = (root / "model/model.safetensors").read_bytes()
    expect(trained == (model / "model.safetensors").read_bytes(), "a pipe gives another model than a file")
    print("train: a late pipe gives the model of a file")


def check_late_names(engine, scratch, table):
    """Two machines whose names have no address yet when they start."""
    # Contract: train.hosts
    hosts = ["algo-1", "algo-2"]
    names = scratch / "hosts"
    names.write_text("127.0.0.1 localhost\n")
    settings = {**FEW_EPOCHS, "training.shards": "2"}
    roots = [training_root(scratch / f"late-{host}", table, settings) for host in hosts]
    jobs = []
    for host, root in zip(hosts, roots):
        machine = {"current_host": host, "hosts": hosts, "network_interface_name": "lo"}
        write(root / "input/config/resourceconfig.json", machine)
        # The second is in the network of the first, in which nobody else is.
        network = "container:oncoweave-algo-1" if jobs else "none"
        more = ["--volume", f"{names}:/etc/hosts:ro"]
        jobs.append(engine.start(root, "train", name=f"oncoweave-{host}", network=network, more=more))
        engine.process_id(f"oncoweave-{host}")
    time.sleep(2)
    expect(all(job.poll() is None for job in jobs), "a machine did not wait for the other's name")
    with names.open("a") as file:
        file.write("127.0.0.1 algo-1 algo-2\n")
    printed = [job.communicate(timeout=300)[0] for job in jobs]
    expect(all(job.returncode == 0 for job in jobs), "".join(printed))
    expect([text.count("epoch=") for text in printed] == [3, 0], "".join(printed))
    alone = training_root(scratch / "late-alone", table, settings)
    done = engine.run(alone, "train")
    expect(done.returncode == 0, done.stderr + done.stdout)
    together, apart = ((root / "model/model.safetensors").read_bytes() for root in (roots[0], alone))
    expect(together == apart, "two machines train another model than one")
    print("train: two machines wait for each other's names and train the model of one")


def check_failure(engine, scratch, table):
    # Contract: train.failure train.exit_code
    root = training_root(scratch / "failed", table, {"training.lr": "1"})
    done = engine.run(root, "train")
    failure = (root / "output/failure").read_text()
    expect(done.returncode == 1, f"exit code {done.returncode}")
    expect(failure.startswith("unknown hyperparameter `training.lr`") and len(failure) <= 1024, failure)
    print("train: a failure is left for the platform")


def check_processing(engine, scratch):
    """Three machines, each with its own disk; what they upload is joined by a fourth without files."""
    # Contract: process.shares process.join process.message process.exit_code process.read_only
    hosts = ["algo-1", "algo-2", "algo-3"]
    uploaded = scratch / "uploaded"
    for host in hosts:
        root = processing_root(scratch / host, scratch / "cohort", host, hosts)
        done = engine.run(root, "process")
        expect(done.returncode == 0, done.stderr + done.stdout)
        expect("share" in (root / "output/message").read_text(), "no message")
        subprocess.run(["cp", "-r", f"{root}/processing/output/shares", uploaded] if not uploaded.exists() else ["cp", "-rT", f"{root}/processing/output/shares", uploaded], check=True)
    root = processing_root(scratch / "joined", scratch / "cohort", "algo-1", ["algo-1"])
    for folder in (root / "processing/input/cohort").iterdir():
        if folder.is_dir():
            subprocess.run(["rm", "-r", folder], check=True)
    subprocess.run(["mv", uploaded, root / "processing/input/shares"], check=True)
    done = engine.run(root, "process")
    expect(done.returncode == 0, done.stderr + done.stdout)
    message = (root / "output/message").read_text()
    expect("patients have something set aside" in message and "SIM-" not in message, message)
    alone = processing_root(scratch / "alone", scratch / "cohort", "algo-1", ["algo-1"])
    done = engine.run(alone, "process")
    expect(done.returncode == 0, done.stderr + done.stdout)
    names = ["features", "cohort"]
    found = [result(root / "processing/output" / name) for name in names]
    expected = [result(alone / "processing/output" / name) for name in names]
    expect(all(expected) and found == expected, "three machines make something else than one")
    print("process: three machines' shares join to what one makes, byte for byte")


def result(folder):
    """Every file by its relative name, but for the parts that a share is made of."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".parts" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def processing_root(root, cohort, host, hosts):
    for part in ["processing/input", "processing/output", "output"]:
        (root / part).mkdir(parents=True)
    subprocess.run(["cp", "-r", cohort, root / "processing/input/cohort"], check=True)
    write(root / "config/resourceconfig.json", {"current_host": host, "hosts": hosts})
    place = {"S3Uri": "s3://bucket/cohort", "LocalPath": "/opt/ml/processing/input/cohort", "S3DataDistributionType": "FullyReplicated"}
    output = {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    write(
        root / "config/processingjobconfig.json",
        {
            "ProcessingInputs": [{"InputName": "cohort", "S3Input": place}],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
        },
    )
    return root


def served(root, model):
    root.mkdir()
    subprocess.run(["cp", "-r", model, root / "model"], check=True)
    return root


def stop(engine, server, name):
    engine.terminate(name)
    output, _ = server.communicate(timeout=40)
    expect(server.returncode == 0, f"exit code {server.returncode}: {output}")


def resident_megabytes(process):
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return float("nan")


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]


def run(command, codes=(0,), environment=None):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    expect(done.returncode in codes, f"{command}: exit code {done.returncode}: {done.stderr}")


def expect(holds, otherwise):
    if not holds:
        sys.exit(f"error: {otherwise}")


if __name__ == "__main__":
    main()
