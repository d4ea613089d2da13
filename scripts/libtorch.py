#!/usr/bin/env python3
"""Puts libtorch (CPU) into the user's cache and links `.libtorch` in the repository to it.

The shared objects and headers come from the PyPI wheel of torch, which the `tch` crate can build
against; of CUDA's libraries only the two that libtorch_cpu.so names as needed are kept. Each wheel
is checked by its SHA-256 digest, unpacked beside its final place and then renamed, so that an
interrupted run leaves nothing half-made. A second run finds the cache and only makes the link.

Needs Python 3.9 and pip. Prints one sentence and exits with 1 when something is missing.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "2.11.0"
REQUIREMENTS = """\
torch==2.11.0 --hash=sha256:7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a
nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cupti==13.0.85 --hash=sha256:4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8
"""
# The wheels hold plain shared objects: any Python can unpack the one made for 3.11.
PIP = [
    "download", "--quiet", "--no-cache-dir", "--no-deps", "--only-binary=:all:", "--require-hashes",
    "--implementation", "cp", "--python-version", "3.11",
    "--platform", "manylinux_2_28_x86_64",
    "--platform", "manylinux_2_25_x86_64",
    "--platform", "manylinux2014_x86_64",
]  # fmt: skip
LIBRARIES = {
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libc10.so",
    "torch/lib/libtorch.so",
    "torch/lib/libgomp.so.1",
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
}
NEEDED_BYTES = 2_000_000_000
REPOSITORY = Path(__file__).resolve().parent.parent


def main():
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        stop(
            f"libtorch is set up for Linux on x86-64 only, found {platform.system()} on "
            f"{platform.machine()}; install libtorch {VERSION} yourself and link `.libtorch` to it"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oncoweave"
    libtorch = cache / f"libtorch-{VERSION}"
    if not (libtorch / "complete").exists():
        install(cache, libtorch)
    link = REPOSITORY / ".libtorch"
    if link.is_symlink() and Path(os.readlink(link)) == libtorch:
        return
    if link.is_symlink() or link.is_file():
        link.unlink()
    elif link.exists():
        return  # A folder that the user laid out: theirs to keep.
    link.symlink_to(libtorch)


def install(cache, libtorch):
    try:
        cache.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(cache).free
        if free < NEEDED_BYTES:
            stop(
                f"{cache} has {free / 1e9:.1f} GB free and libtorch needs {NEEDED_BYTES / 1e9:.0f} GB "
                "while it is unpacked; make room or set XDG_CACHE_HOME to another disk"
            )
        with tempfile.TemporaryDirectory(dir=cache, prefix="libtorch-") as scratch:
            wheels = download(Path(scratch))
            unpacked = Path(scratch) / "libtorch"
            for wheel in wheels:
                unpack(wheel, unpacked)
                wheel.unlink()
            (unpacked / "complete").write_text(REQUIREMENTS)
            shutil.rmtree(libtorch, ignore_errors=True)
            unpacked.rename(libtorch)
    except OSError as error:
        stop(f"could not set up libtorch in {cache}: {error.strerror or error}")


def download(scratch):
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode != 0:
        stop("Python has no pip, which fetches libtorch; install it (Debian: apt-get install python3-pip)")
    print(f"fetching libtorch {VERSION} (544 MB, once)", file=sys.stderr)
    requirements = scratch / "requirements.txt"
    requirements.write_text(REQUIREMENTS)
    done = subprocess.run(
        [*pip, *PIP, "--dest", str(scratch), "--requirement", str(requirements)],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    if done.returncode != 0:
        reason = [line for line in done.stderr.splitlines() if line.strip()]
        last = next((line for line in reversed(reason) if "ERROR" in line), (reason or ["no reason given"])[-1])
        stop(f"could not fetch libtorch from the Python package index; check the network and run again ({last.strip()})")
    return sorted(scratch.glob("*.whl"))


def unpack(wheel, libtorch):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name in LIBRARIES:
                target = libtorch / "lib" / Path(name).name
            elif name.startswith("torch/include/") and not name.endswith("/"):
                target = libtorch / name.removeprefix("torch/")
            else:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink)


def stop(sentence):
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
