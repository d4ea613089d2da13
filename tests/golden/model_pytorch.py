"""Loads a saved model into the plain PyTorch module of the reference design and writes its numbers.

    cargo run -p oncoweave-model --example save_model -- /tmp/model
    python model_pytorch.py /tmp/model/model.safetensors

writes `model_pytorch.safetensors` (a copy of the weights) and `model_pytorch.json` (inputs and
outputs) beside this script. Needs torch 2.11.0 and safetensors from PyPI.
"""

import json
import pathlib
import shutil
import sys

import safetensors
import torch
from safetensors.torch import load_file
from torch import nn


class EarlyFusion(nn.Module):
    """Per modality Linear and ReLU, concatenation, Linear, ReLU, dropout, Linear."""

    def __init__(self, genomic, imaging, clinical, width, fused_width, outputs):
        super().__init__()
        self.genomic_fc = nn.Linear(genomic, width)
        self.imaging_fc = nn.Linear(imaging, width)
        self.clinical_fc = nn.Linear(clinical, width)
        self.combined_fc = nn.Linear(3 * width, fused_width)
        self.dropout = nn.Dropout(0.3)
        self.output_fc = nn.Linear(fused_width, outputs)

    def forward(self, genomic, imaging, clinical):
        hidden = torch.cat(
            [
                torch.relu(self.genomic_fc(genomic)),
                torch.relu(self.imaging_fc(imaging)),
                torch.relu(self.clinical_fc(clinical)),
            ],
            dim=1,
        )
        hidden = self.dropout(torch.relu(self.combined_fc(hidden)))
        return self.output_fc(hidden)


def main():
    source = pathlib.Path(sys.argv[1])
    here = pathlib.Path(__file__).parent
    weights = load_file(source)
    inputs = [weights[f"{name}_fc.weight"].shape[1] for name in ("genomic", "imaging", "clinical")]
    width = weights["genomic_fc.weight"].shape[0]
    outputs, fused_width = weights["output_fc.weight"].shape
    module = EarlyFusion(*inputs, width, fused_width, outputs)
    module.load_state_dict(weights, strict=True)
    module.eval()
    torch.manual_seed(0)
    blocks = [2 * torch.randn(20, columns) for columns in inputs]
    with torch.no_grad():
        output = module(*blocks)
    result = {
        "made_by": "model_pytorch.py",
        "torch": torch.__version__.split("+")[0],
        "safetensors": safetensors.__version__,
        "modalities": ["genomics", "imaging", "clinical"],
        "columns": inputs,
        "width": width,
        "fused_width": fused_width,
        "inputs": [block.flatten().tolist() for block in blocks],
        "log_risk": output[:, 0].tolist(),
        "class_probabilities": output[:, 1:].softmax(dim=1).tolist(),
    }
    (here / "model_pytorch.json").write_text(json.dumps(result) + "\n")
    shutil.copyfile(source, here / "model_pytorch.safetensors")


if __name__ == "__main__":
    main()
