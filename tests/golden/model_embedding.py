"""Embeddings by PyTorch and torchvision, for `Embedder` of oncoweave-model.

    pip install torch==2.11.0 torchvision==0.26.0
    python model_embedding.py

writes `model_embedding.json` (shapes and outputs) and `model_embedding.pt` (a small TorchScript
model) beside this script. Weights and inputs are a formula, the same as in the test, so that no
large file stands here.
"""

import json
import math
import pathlib

import numpy as np
import torch
import torchvision
from torch import nn

NETWORKS = {
    "resnet18": (torchvision.models.resnet18, (2, 3, 48, 40)),
    "resnet34": (torchvision.models.resnet34, (1, 3, 40, 33)),
    "resnet50": (torchvision.models.resnet50, (1, 3, 33, 40)),
    "r3d_18": (torchvision.models.video.r3d_18, (1, 3, 6, 24, 20)),
}


def uniform(name, count):
    """Numbers from -0.5 to 0.5: a hash (lowbias32) of their place and their tensor's name."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32  # FNV-1a
    x = np.arange(count, dtype=np.uint32) ^ np.uint32(seed)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x.astype(np.float64) / 2**32 - 0.5


def fill(name, shape):
    values = uniform(name, math.prod(shape))
    if name == "input":
        values = 4 * values
    elif name.endswith("running_var"):
        values = 1 + values
    elif len(shape) == 1 and name.endswith("weight"):
        values = 0.5 + 0.4 * values
    elif len(shape) > 1:
        values = values * 2 * math.sqrt(6 / math.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


class Small(nn.Module):
    """A TorchScript model of patches of 3 by (any) by (any)."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(4, 5)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.norm(self.convolution(patches))).mean(dim=[2, 3])
        return self.linear(self.dropout(hidden))


def filled(module):
    state = module.state_dict()
    module.load_state_dict(
        {k: fill(k, tuple(v.shape)) if v.dtype == torch.float32 else v for k, v in state.items()},
        strict=True,
    )
    return module


def main():
    here = pathlib.Path(__file__).parent
    cases = []
    for name, (make, shape) in NETWORKS.items():
        network = filled(make()).eval()
        network.fc = nn.Identity()
        with torch.no_grad():
            output = network(fill("input", shape))
        cases.append(dict(architecture=name, shape=shape, output=output.flatten().tolist()))
    script = torch.jit.script(filled(Small()))
    script.save(str(here / "model_embedding.pt"))
    shape = (3, 3, 9, 8)
    with torch.no_grad():
        output = script.eval()(fill("input", shape))
    cases.append(dict(architecture="torchscript", shape=shape, output=output.flatten().tolist()))
    result = {
        "made_by": "model_embedding.py",
        "torch": torch.__version__.split("+")[0],
        "torchvision": torchvision.__version__.split("+")[0],
        "cases": cases,
    }
    (here / "model_embedding.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
