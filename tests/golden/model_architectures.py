"""Loads every kind of network into the module that PyTorch builds of the same parts and writes its
numbers.

    cargo build -p oncoweave-model --example save_model
    python model_architectures.py target/debug/examples/save_model

trains each variant below on made-up patients, then writes `model_architectures.safetensors` (the
weights, `<variant>/` before each name) and `model_architectures.json` (inputs and outputs) beside
this script. Attention is `torch.nn.TransformerEncoder` itself. Needs torch 2.11.0 and safetensors
from PyPI, and Python 3.11.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn

VARIANTS = {
    "layer_norm_and_bottleneck": """
        [network]
        norm = "layer"
        bottleneck = 3
        wide_columns = 4
        encoder_dropout = 0.1
        """,
    "batch_norm_and_tokens": '[network]\nnorm = "batch"\nmissing = "token"',
    "late_average_masked": '[network]\nkind = "late_fusion"\nmissing = "mask"',
    "late_learned": """
        [network]
        kind = "late_fusion"
        learned_weights = true
        modality_dropout = 0.2
        """,
    "gated": '[network]\nkind = "gated"',
    "low_rank_bilinear": '[network]\nkind = "low_rank_bilinear"\nrank = 3',
    "attention": '[network]\nkind = "attention"\nattention_heads = 2\nattention_layers = 2',
    "attention_masked": """
        [network]
        kind = "attention"
        attention_heads = 4
        attention_layers = 1
        missing = "mask"
        """,
    "hazards": '[heads]\nsurvival = "discrete_time"\nintervals = 4',
    "gated_hazards": '[network]\nkind = "gated"\n[heads]\nsurvival = "discrete_time"\nintervals = 3',
}


class Encoder(nn.Module):
    """One modality: an optional bottleneck, Linear, an optional normalization, ReLU."""

    def __init__(self, architecture, columns, bottleneck):
        super().__init__()
        width = architecture["width"]
        if bottleneck:
            self.fc = nn.Linear(columns, bottleneck)
            self.expand = nn.Linear(bottleneck, width)
        else:
            self.fc, self.expand = nn.Linear(columns, width), None
        kinds = {"none": lambda _: None, "layer": nn.LayerNorm, "batch": nn.BatchNorm1d}
        self.norm = kinds[architecture.get("norm", "none")](width)

    def forward(self, x):
        x = self.fc(x)
        if self.expand is not None:
            x = self.expand(torch.relu(x))
        if self.norm is not None:
            x = self.norm(x)
        return torch.relu(x)


class Member(nn.Module):
    def __init__(self, architecture):
        super().__init__()
        self.architecture = architecture
        self.inputs = architecture["inputs"]
        self.stems = [one["layer"].removesuffix("_fc") for one in self.inputs]
        width, fused = architecture["width"], architecture["fused_width"]
        outputs = (len(architecture.get("cut_points_days", [])) or 1) + len(architecture["classes"])
        kind = architecture["kind"]
        for stem, one in zip(self.stems, self.inputs):
            encoder = Encoder(architecture, one["columns"], one.get("bottleneck", 0))
            self.add_module(f"{stem}_encoder", encoder)
            if one.get("token", False):
                self.register_parameter(f"{stem}_missing", nn.Parameter(torch.zeros(width)))
        all_units = width * len(self.inputs)
        if kind == "early_fusion":
            self.combined_fc = nn.Linear(all_units, fused)
        for stem in self.stems:
            if kind == "late_fusion":
                self.add_module(f"{stem}_output", nn.Linear(width, outputs))
            if kind == "gated":
                self.add_module(f"{stem}_hidden", nn.Linear(width, fused))
                self.add_module(f"{stem}_gate", nn.Linear(all_units, fused))
            if kind == "low_rank_bilinear":
                self.add_module(f"{stem}_factor", nn.Linear(width, architecture["rank"] * fused))
        if kind == "late_fusion" and architecture.get("learned_weights", False):
            self.modality_weights = nn.Parameter(torch.zeros(len(self.inputs)))
        if kind == "low_rank_bilinear":
            self.rank_weights = nn.Parameter(torch.zeros(architecture["rank"]))
            self.fused_bias = nn.Parameter(torch.zeros(fused))
        if kind == "attention":
            self.modality_embedding = nn.Parameter(torch.zeros(len(self.inputs), width))
            self.summary_token = nn.Parameter(torch.zeros(width))
            layer = nn.TransformerEncoderLayer(
                width, architecture["attention_heads"], 2 * width, batch_first=True, norm_first=True
            )
            self.encoder = nn.TransformerEncoder(
                layer, architecture["attention_layers"], nn.LayerNorm(width),
                enable_nested_tensor=False,
            )  # fmt: skip
        if kind != "late_fusion":
            self.output_fc = nn.Linear(width if kind == "attention" else fused, outputs)

    def load(self, weights):
        """Our names have no module for the encoder: `ct_fc`, `ct_expand`, `ct_norm`."""
        renamed = {}
        for name, value in weights.items():
            for stem in self.stems:
                for part in ("fc", "expand", "norm"):
                    if name.startswith(f"{stem}_{part}."):
                        name = name.replace(f"{stem}_{part}.", f"{stem}_encoder.{part}.")
            renamed[name] = value
        missing, unexpected = self.load_state_dict(renamed, strict=False)
        assert not unexpected, unexpected
        assert all(name.endswith("num_batches_tracked") for name in missing), missing

    def forward(self, blocks, present):
        architecture, kind = self.architecture, self.architecture["kind"]
        masked = architecture.get("missing", "zeros") == "mask"
        units = []
        for index, (stem, one) in enumerate(zip(self.stems, self.inputs)):
            unit = getattr(self, f"{stem}_encoder")(blocks[index])
            here = present[:, index : index + 1]
            if one.get("token", False):
                unit = torch.where(here, unit, getattr(self, f"{stem}_missing"))
            if masked:
                unit = unit * here
            units.append(unit)
        module = lambda stem, part: getattr(self, f"{stem}_{part}")  # noqa: E731
        if kind == "early_fusion":
            return self.output_fc(torch.relu(self.combined_fc(torch.cat(units, 1))))
        if kind == "late_fusion":
            heads = torch.stack([module(s, "output")(u) for s, u in zip(self.stems, units)])
            weights = torch.ones(len(units)) / len(units)
            if architecture.get("learned_weights", False):
                weights = self.modality_weights.softmax(0)
            weights = weights.expand(len(present), -1)
            if masked:
                weights = weights * present
                weights = weights / weights.sum(1, keepdim=True)
            return torch.einsum("mbo,bm->bo", heads, weights)
        if kind == "gated":
            together = torch.cat(units, 1)
            gated = [
                torch.sigmoid(module(s, "gate")(together)) * torch.tanh(module(s, "hidden")(u))
                for s, u in zip(self.stems, units)
            ]
            return self.output_fc(sum(gated))
        if kind == "low_rank_bilinear":
            # Liu et al.: the units with a 1 beside them times a factor of each rank, multiplied
            # over modalities, then summed over ranks.
            rank, fused = architecture["rank"], architecture["fused_width"]
            product = 1
            for stem, unit in zip(self.stems, units):
                linear = module(stem, "factor")
                factor = torch.cat([linear.weight, linear.bias[:, None]], 1)
                factor = factor.reshape(rank, fused, -1)  # (rank, fused, width + 1)
                extended = torch.cat([unit, torch.ones(len(unit), 1)], 1)
                product = product * torch.einsum("bi,rfi->rbf", extended, factor)
            summed = torch.tensordot(self.rank_weights, product, dims=1) + self.fused_bias
            return self.output_fc(summed)
        tokens = torch.stack(units, 1) + self.modality_embedding
        tokens = torch.cat([self.summary_token.expand(len(tokens), 1, -1), tokens], 1)
        padding = None
        if masked:
            padding = torch.cat([torch.zeros(len(tokens), 1, dtype=torch.bool), ~present], 1)
        return self.output_fc(self.encoder(tokens, src_key_padding_mask=padding)[:, 0])


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    here = pathlib.Path(__file__).parent
    every_weight, results = {}, {}
    for name, settings in VARIANTS.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "train.toml").write_text(settings)
            subprocess.run([program, folder / "model", folder / "train.toml"], check=True)
            weights = load_file(folder / "model" / "model.safetensors")
            architecture = tomllib.loads((folder / "model" / "model.toml").read_text())["architecture"]
        every_weight |= {f"{name}/{tensor}": value for tensor, value in weights.items()}
        results[name] = numbers(architecture, weights)
    result = {
        "made_by": "model_architectures.py",
        "torch": torch.__version__.split("+")[0],
        "safetensors": safetensors.__version__,
        "variants": results,
    }
    (here / "model_architectures.json").write_text(json.dumps(result) + "\n")
    save_file(every_weight, here / "model_architectures.safetensors")


def numbers(architecture, weights):
    torch.manual_seed(0)
    patients = 20
    blocks = [2 * torch.randn(patients, one["columns"]) for one in architecture["inputs"]]
    # The second modality is imaging, the one with a token.
    present = torch.ones(patients, len(blocks), dtype=torch.bool)
    present[::3, 1] = False
    members = architecture.get("members", 1)
    prefixes = [""] if members == 1 else [f"members.{member}." for member in range(members)]
    outputs = []
    for prefix in prefixes:
        member = Member(architecture)
        member.load({n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)})
        member.eval()
        with torch.no_grad():
            outputs.append(member(blocks, present))
    output = torch.stack(outputs).mean(0)
    intervals = len(architecture.get("cut_points_days", []))
    if intervals:
        hazards = torch.sigmoid(output[:, :intervals].double())
        survival = torch.cumprod(1 - hazards, 1)
        log_risk = torch.log(-torch.log(survival[:, -1]))
    else:
        log_risk, survival = output[:, 0], None
    return {
        "architecture": architecture,
        "inputs": [block.flatten().tolist() for block in blocks],
        "present": present.tolist(),
        "log_risk": log_risk.tolist(),
        "survival": None if survival is None else survival.tolist(),
        "class_probabilities": output[:, intervals or 1 :].softmax(dim=1).tolist(),
    }


if __name__ == "__main__":
    main()
