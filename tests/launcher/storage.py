"""Uploads to an S3 server that refuses a wrong secret, which moto does not."""

import socket
import subprocess
import time

from checks import check

SECRET = "the-right-one"


def run(program, server):
    folder = program.folder / "buckets"
    (folder / "cohorts").mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(server), "--host", "127.0.0.1", "--port", str(port), "--access-key", "example", "--secret-key", SECRET,
         str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait(port)
        there = folder / "cohorts/lung/data/train-s3/train/cohort.parquet"
        done = train(program, port, "a-wrong-one")
        check("a wrong secret", "SignatureDoesNotMatch" in done.stderr and "check the profile" in done.stderr, done.stderr)
        check("nothing of it is printed", "a-wrong-one" not in done.stderr + done.stdout)
        check("nothing comes there", not there.exists())
        done = train(program, port, SECRET)
        check("the file comes to its place", there.exists() and there.read_bytes() == b"PAR1", done.stderr)
    finally:
        process.terminate()
        process.wait()


def train(program, port, secret):
    # Nobody listens where the job is sent: the upload comes first.
    return program.run(
        "train", "--train", "cohort.parquet", "--name", "train-s3",
        AWS_SECRET_ACCESS_KEY=secret,
        AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{port}",
        AWS_ENDPOINT_URL_SAGEMAKER="http://127.0.0.1:9",
        AWS_MAX_ATTEMPTS="1",
    )


def wait(port):
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
