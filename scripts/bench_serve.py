"""The Python side of `scripts/bench_serve`: the cohort and bodies, and the server it is set against.

    python bench_serve.py data FOLDER     a cohort of 1,000 features, settings, and request bodies
    python bench_serve.py await URL       waits for a 200, prints the seconds it took

`app` is a FastAPI server of the same network, as people write one: JSON in by pydantic-free dicts, a
torch module, JSON out.
"""

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

FEATURES, PATIENTS, MANY = 1000, 400, 500


def data(folder):
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(7)
    values = random.normal(size=(PATIENTS, FEATURES)).astype("float32")
    risk = values[:, :10].sum(axis=1) / 3
    columns = {
        "patient_id": [f"P{row}" for row in range(PATIENTS)],
        "time_days": np.round(900 * np.exp(-risk) * random.exponential(size=PATIENTS) + 1),
        "event": (random.random(PATIENTS) < 0.7).astype("uint8"),
    }
    names = [f"omics.f{place}" for place in range(FEATURES)]
    columns |= {name: values[:, place] for place, name in enumerate(names)}
    pq.write_table(pa.table(columns), folder / "cohort.parquet")
    (folder / "train.toml").write_text(
        'model = "network"\n[heads]\nsubtype = "off"\n[training]\nepochs = 5\nensemble = 1\n'
    )
    rows = random.normal(size=(MANY, FEATURES)).round(4)
    records = [{name: float(value) for name, value in zip(names, row)} for row in rows]
    (folder / "one.json").write_text(json.dumps(records[0]))
    (folder / "many.json").write_text(json.dumps({"instances": records}))
    (folder / "many.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    lines = [",".join(names)] + [",".join(f"{value:.4f}" for value in row) for row in rows]
    (folder / "many.csv").write_text("\n".join(lines) + "\n")
    table = pa.table({name: rows[:, place].astype("float32") for place, name in enumerate(names)})
    pq.write_table(table, folder / "many.parquet", use_dictionary=False)
    for kind, name in [
        ("json", "application/json"),
        ("jsonl", "application/jsonlines"),
        ("csv", "text/csv"),
        ("parquet", "application/x-parquet"),
    ]:
        (folder / f"{kind}.type").write_text(name)


def await_ping(url):
    start = time.monotonic()
    while time.monotonic() - start < 120:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    print(f"{time.monotonic() - start:.2f}")
                    return
        except OSError:
            time.sleep(0.01)
    sys.exit(f"no answer from {url}")


def make_app():
    import torch
    from fastapi import FastAPI, Request
    from safetensors.torch import load_file

    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", "1")))
    folder = Path(os.environ["BENCH_MODEL"])
    features = json.loads((folder / "features.json").read_text())["modalities"][0]["kept"]
    baseline = json.loads((folder / "baseline.json").read_text())
    weights = load_file(folder / "model.safetensors")
    names = [one["name"] for one in features]
    mean = torch.tensor([one["mean"] for one in features], dtype=torch.float64)
    deviation = torch.tensor([one["sd"] for one in features], dtype=torch.float64)
    layers = ["omics_fc", "combined_fc", "output_fc"]
    layers = [torch.nn.Linear(*reversed(weights[f"{n}.weight"].shape)) for n in layers]
    for layer, name in zip(layers, ["omics_fc", "combined_fc", "output_fc"]):
        layer.load_state_dict({"weight": weights[f"{name}.weight"], "bias": weights[f"{name}.bias"]})
    module = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    module.eval()
    median = baseline["median_risk"]
    app = FastAPI()

    @app.get("/ping")
    def ping():
        return {}

    @app.post("/invocations")
    async def invocations(request: Request):
        body = await request.json()
        records = body.get("instances", [body])
        x = torch.tensor([[record[name] for name in names] for record in records], dtype=torch.float64)
        x = ((x - mean) / deviation).clamp(-10, 10).float()
        with torch.no_grad():
            risks = module(x)[:, 0].tolist()
        answers = [{"id": n, "risk": r, "high_risk": r > median} for n, r in enumerate(risks, 1)]
        return {"predictions": answers} if "instances" in body else answers[0]

    return app


if __name__ == "__main__":
    {"data": lambda at: data(Path(at)), "await": await_ping}[sys.argv[1]](sys.argv[2])
elif os.environ.get("BENCH_MODEL"):
    app = make_app()
