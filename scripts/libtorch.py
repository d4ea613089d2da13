#!/usr/bin/env python3
"""Puts libtorch (CPU) into the user's cache and links `.libtorch` in the repository to it.

    scripts/libtorch.py                 that
    scripts/libtorch.py cuda FOLDER     puts the libraries of its CUDA half into a folder

The shared objects and headers come from the PyPI wheel of torch, which the `tch` crate can build
against; of CUDA's libraries only the two that libtorch_cpu.so names as needed are kept. The program
is the same with a GPU: it opens the CUDA half where that lies beside the CPU half. Each wheel
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
# What else torch asks for on Linux, as far as its libraries open it.
CUDA_REQUIREMENTS = (
    REQUIREMENTS
    + """\
nvidia-cublas==13.1.0.3 --hash=sha256:ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171
nvidia-cuda-nvrtc==13.0.88 --hash=sha256:ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575
nvidia-cudnn-cu13==9.19.0.56 --hash=sha256:d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf
nvidia-cufft==12.0.0.61 --hash=sha256:6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3
nvidia-cufile==1.15.1.6 --hash=sha256:08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44
nvidia-curand==10.4.0.35 --hash=sha256:1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc
nvidia-cusolver==12.0.4.66 --hash=sha256:0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112
nvidia-cusparse==12.6.3.3 --hash=sha256:2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b
nvidia-cusparselt-cu13==0.8.0 --hash=sha256:25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd
nvidia-nccl-cu13==2.28.9 --hash=sha256:e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42
nvidia-nvjitlink==13.0.88 --hash=sha256:13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b
nvidia-nvshmem-cu13==3.4.5 --hash=sha256:290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80
"""
)
# The wheels hold plain shared objects: any Python can unpack the one made for 3.11.
PIP = [
    "download", "--quiet", "--no-cache-dir", "--no-deps", "--only-binary=:all:", "--require-hashes",
    "--implementation", "cp", "--python-version", "3.11",
    "--platform", "manylinux_2_28_x86_64",
    "--platform", "manylinux_2_27_x86_64",
    "--platform", "manylinux_2_25_x86_64",
    "--platform", "manylinux_2_18_x86_64",
    "--platform", "manylinux2014_x86_64",
    "--platform", "manylinux2010_x86_64",
]  # fmt: skip
LIBRARIES = {
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libc10.so",
    "torch/lib/libtorch.so",
    "torch/lib/libgomp.so.1",
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
}
# By the beginning of the file's name; each with what it is linked to or opens by name.
CUDA_LIBRARIES = (
    "libtorch_cuda.so", "libtorch_cuda_linalg.so", "libtorch_nvshmem.so", "libc10_cuda.so", "libcaffe2_nvrtc.so",
    "libcublas.so.", "libcublasLt.so.", "libcudart.so.", "libcudnn", "libcufft.so.", "libcufile.so.", "libcupti.so.",
    "libcurand.so.", "libcusolver.so.", "libcusparse.so.", "libcusparseLt.so.", "libnccl.so.", "libnvJitLink.so.",
    "libnvrtc.so.", "libnvrtc-builtins.so.", "libnvshmem_host.so.",
)  # fmt: skip
NEEDED_BYTES = 2_000_000_000
CUDA_NEEDED_BYTES = 8_000_000_000
REPOSITORY = Path(__file__).resolve().parent.parent


def main():
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        stop(
            f"libtorch is set up for Linux on x86-64 only, found {platform.system()} on "
            f"{platform.machine()}; install libtorch {VERSION} yourself and link `.libtorch` to it"
        )
    if sys.argv[1:2] == ["cuda"] and len(sys.argv) == 3:
        return lay_out_cuda(Path(sys.argv[2]))
    if sys.argv[1:]:
        stop("usage: scripts/libtorch.py [cuda FOLDER]")
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
        check_room(cache, NEEDED_BYTES, "make room or set XDG_CACHE_HOME to another disk")
        with tempfile.TemporaryDirectory(dir=cache, prefix="libtorch-") as scratch:
            print(f"fetching libtorch {VERSION} (544 MB, once)", file=sys.stderr)
            wheels = download(Path(scratch), REQUIREMENTS)
            unpacked = Path(scratch) / "libtorch"
            for wheel in wheels:
                unpack(wheel, unpacked, place_in_libtorch)
                wheel.unlink()
            (unpacked / "complete").write_text(REQUIREMENTS)
            shutil.rmtree(libtorch, ignore_errors=True)
            unpacked.rename(libtorch)
    except OSError as error:
        stop(f"could not set up libtorch in {cache}: {error.strerror or error}")


def lay_out_cuda(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_room(folder, CUDA_NEEDED_BYTES, "make room")
        with tempfile.TemporaryDirectory(dir=folder, prefix="cuda-") as scratch:
            print(f"fetching the CUDA half of libtorch {VERSION} (2.5 GB)", file=sys.stderr)
            unpacked = Path(scratch) / "cuda"
            for wheel in download(Path(scratch), CUDA_REQUIREMENTS):
                unpack(wheel, unpacked, place_among_cuda)
                wheel.unlink()
            # The one that the program looks for comes last.
            for library in sorted(unpacked.iterdir(), key=lambda path: path.name == "libtorch_cuda.so"):
                library.rename(folder / library.name)
    except OSError as error:
        stop(f"could not lay out CUDA's libraries in {folder}: {error.strerror or error}")


def check_room(folder, needed, what_to_do):
    free = shutil.disk_usage(folder).free
    if free < needed:
        stop(f"{folder} has {free / 1e9:.1f} GB free and {needed / 1e9:.0f} GB are needed to unpack; {what_to_do}")


def download(scratch, wanted):
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode != 0:
        stop("Python has no pip, which fetches libtorch; install it (Debian: apt-get install python3-pip)")
    requirements = scratch / "requirements.txt"
    requirements.write_text(wanted)
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


def place_in_libtorch(name):
    if name in LIBRARIES:
        return f"lib/{Path(name).name}"
    if name.startswith("torch/include/") and not name.endswith("/"):
        return name.removeprefix("torch/")
    return None


def place_among_cuda(name):
    library = Path(name).name
    return library if library.startswith(CUDA_LIBRARIES) and ".so" in library and ".alt." not in library else None


def unpack(wheel, folder, place):
    """Unpacks what has a place in the folder."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            inside = place(name)
            if inside is None:
                continue
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink)


def stop(sentence):
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
