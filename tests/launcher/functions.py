"""The program as a Lambda function: its runtime interface is spoken here as AWS documents it.

AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".
"""

import json
import queue
import shutil
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from checks import check

ANSWERS = [{"id": "A", "risk": 0.5}, {"id": 2, "error": {"code": "no_values", "message": "x"}}]
RECORDS = {"endpoint": "slow", "records": [{"patient_id": "A", "clinical.age": 70}, {}]}


def answer_next(address, body):
    """moto gives an endpoint's answers as it is told to."""
    text = json.dumps({"region": "eu-central-1", "results": [{"Body": body, "ContentType": "application/jsonlines"}]})
    request = urllib.request.Request(f"{address}/moto-api/static/sagemaker/endpoint-results", text.encode(),
                                     {"content-type": "application/json"})
    urllib.request.urlopen(request).read()


def run(program, address):
    body = "".join(json.dumps(answer) + "\n" for answer in ANSWERS)
    answer_next(address, body)
    done = once(program, RECORDS)
    check("one event", done.returncode == 0 and json.loads(done.stdout) == {"predictions": ANSWERS}, done.stderr)
    done = once(program, {"records": []})
    check("an empty event", done.returncode == 1 and "at least one record" in done.stderr, done.stderr)
    approved = {"detail-type": "SageMaker Model Package State Change",
                "detail": {"ModelApprovalStatus": "Approved", "ModelPackageArn": program.package}}
    done = once(program, approved, ONCOWEAVE_ENDPOINT="approved")
    check("an approved version is deployed", done.returncode == 0 and json.loads(done.stdout)["endpoint"] == "approved",
          done.stderr)
    answer_next(address, body)
    served(program)


def once(program, event, **environment):
    return subprocess.run(
        [str(program.path), "lambda", "--once"], input=json.dumps(event), cwd=program.folder,
        env=program.environment | environment, capture_output=True, text=True, timeout=60)


def served(program):
    """A good event and a bad one through the runtime interface, the program named `bootstrap`."""
    events, answers = queue.Queue(), {}
    for name, event in [("good", RECORDS), ("bad", {"records": "no"})]:
        events.put((name, event))

    class Runtime(BaseHTTPRequestHandler):
        def do_GET(self):
            name, event = events.get()
            body = json.dumps(event).encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", name)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30_000))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:111122223333:function:x")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            length = int(self.headers.get("content-length") or 0)
            if length:
                body = self.rfile.read(length)
            else:
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
            name, kind = self.path.split("/")[-2:]
            answers[name] = (kind, json.loads(body or b"null"))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Runtime)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bootstrap = program.folder / "bootstrap"
    shutil.copy(program.path, bootstrap)
    function = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}", "AWS_LAMBDA_FUNCTION_NAME": "x",
                "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                "AWS_LAMBDA_LOG_STREAM_NAME": "s", "AWS_LAMBDA_LOG_GROUP_NAME": "g"}
    process = subprocess.Popen([str(bootstrap)], cwd=program.folder, env=program.environment | function,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(300):
        if len(answers) == 2 or process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    _, errors = process.communicate()
    server.shutdown()
    check("a served event", answers.get("good") == ("response", {"predictions": ANSWERS}), (answers, errors))
    kind, told = answers.get("bad", ("", {}))
    check("a bad event", kind == "error" and "at least one record" in told["errorMessage"], (answers, errors))
