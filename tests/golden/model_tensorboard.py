"""Reads event files that we wrote with TensorBoard itself and compares them with `metrics.jsonl`. Run by
`scripts/outsiders`, that is by `make test`.

    cargo build -p oncoweave-model --example save_model
    save_model MODEL SETTINGS METRICS
    python model_tensorboard.py METRICS

Needs tensorboard 2.21.0 from PyPI. Fails at the first figure that differs.
"""

import json
import pathlib
import re
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def main():
    folder = pathlib.Path(sys.argv[1])
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    compared = 0
    for run in sorted((folder / "tensorboard").iterdir()):
        events = EventAccumulator(str(run), size_guidance={"scalars": 0})
        events.Reload()
        name, member = run.name.rsplit("_", 1)
        own = [
            line
            for line in lines
            if re.sub(r"[^\w-]", "_", line["model"]) == name
            and line["member"] == int(member)
        ]
        assert own, run
        for tag, key in [("loss/train", "train_loss"), ("gradient_norm", "gradient_norm")]:
            scalars = events.Scalars(tag)
            assert [one.step for one in scalars] == [line["epoch"] for line in own], run
            for one, line in zip(scalars, own):
                assert abs(one.value - line[key]) <= 1e-6 * abs(line[key]), (run, tag, one, line)
                compared += 1
        for layer in own[-1]["layers"]:
            last = events.Scalars(f"weight_norm/{layer['layer']}")[-1].value
            assert abs(last - layer["weight_norm"]) <= 1e-5 * layer["weight_norm"], (run, layer)
            compared += 1
    print(f"{compared} figures of {len(lines)} epochs are the same")


if __name__ == "__main__":
    main()
