#!/usr/bin/env python3
"""Makes, once, a Python environment for a requirements file in the user's cache; prints its path.

The environment's name carries the digest of the requirements, so that a change makes a new one.
Test tools live here, never in the product: `oncoweave` itself needs no Python.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path


def main():
    requirements = Path(sys.argv[1])
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oncoweave"
    environment = cache / f"{requirements.parent.name}-{digest}"
    if not (environment / "complete").exists():
        try:
            make(environment, requirements)
        except OSError as error:
            stop(f"could not make a Python environment in {cache}: {error.strerror or error}")
    print(environment)


def make(environment, requirements):
    shutil.rmtree(environment, ignore_errors=True)
    venv.create(environment, with_pip=True)
    done = subprocess.run(
        [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--requirement", requirements],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["no reason given"]
        stop(f"could not install {requirements} from the Python package index; check the network ({errors[-1]})")
    (environment / "complete").touch()


def stop(sentence):
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
