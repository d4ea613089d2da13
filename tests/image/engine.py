"""What the tests of the image share: a container engine, and folders as the platform fills them."""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent


class Engine:
    """Docker, or podman by `scripts/podman podman`, and the image that is tested."""

    def __init__(self, command, image):
        self.command = shlex.split(command)
        self.image = image

    def call(self, *arguments, **options):
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, **options)

    def inspect(self):
        return json.loads(self.call("image", "inspect", self.image, check=True).stdout)[0]

    def arguments(self, root, command, *, name=None, network="none", user=None, more=()):
        """The command line of a container with the safest of settings."""
        line = [*self.command, "run", "--rm", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"]
        if self.command[-1] == "podman":
            line.append("--read-only-tmpfs=false")  # as Docker does
        line += [f"--network={network}", "--volume", f"{root}:/opt/ml"]
        if (Path(root) / "input").is_dir():
            line += ["--volume", f"{root}/input:/opt/ml/input:ro"]
        if (Path(root) / "processing/input").is_dir():
            line += ["--volume", f"{root}/processing/input:/opt/ml/processing/input:ro"]
        if name:
            line += ["--name", name]
        if user:
            line += ["--user", str(user)]
        return [*line, *more, self.image, *shlex.split(command)]

    def run(self, root, command, timeout=300, **options):
        return subprocess.run(
            self.arguments(root, command, **options), capture_output=True, text=True, timeout=timeout
        )

    def start(self, root, command, **options):
        # A session of its own, so that a signal for the container is the engine's to send.
        return subprocess.Popen(
            self.arguments(root, command, **options),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def process_id(self, name, timeout=30):
        """The id, on this machine, of the container's first process."""
        for _ in range(timeout * 10):
            done = self.call("inspect", "--format", "{{.State.Pid}}", name)
            if done.returncode == 0 and int(done.stdout) > 0:
                return int(done.stdout)
            time.sleep(0.1)
        sys.exit(f"the container {name} did not start")

    def terminate(self, name):
        self.call("kill", "--signal=TERM", name, check=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def request(url, body=None, headers=None, timeout=60):
    """Status and content; 0 where nobody listens."""
    asked = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (urllib.error.URLError, ConnectionError):
        return 0, b""


def training_root(folder, table, hyperparameters, checkpoints=False):
    """What a training job finds below /opt/ml."""
    root = Path(folder)
    for part in ["input/config", "input/data/train", "model", "output/data"]:
        (root / part).mkdir(parents=True)
    if checkpoints:
        (root / "checkpoints").mkdir()
    config = root / "input/config"
    write(config / "hyperparameters.json", hyperparameters)
    channel = {"ContentType": "application/x-parquet", "TrainingInputMode": "FastFile", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    write(config / "inputdataconfig.json", {"train": channel})
    write(config / "resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"})
    write(config / "debughookconfig.json", {"LocalPath": "/opt/ml/output/tensors"})
    (root / "input/data/train/cohort.parquet").write_bytes(Path(table).read_bytes())
    return root


def own(folder, user):
    """Gives a folder and all below it to a user, as a platform does that starts containers as one."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user, user)


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
