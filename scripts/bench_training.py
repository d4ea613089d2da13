"""PyTorch's side of `scripts/bench_training` and `pipelines/gpu`: seconds of each epoch of a network.

    python bench_training.py slices|loader EPOCHS [early_fusion|attention] [cpu|cuda] [PATIENTS]

`slices`: batches are rows of tensors by a shuffled index; `loader`: torch's own DataLoader over a
TensorDataset. The Cox loss (Breslow's ties, the batch's risk sets, as the reference design has it)
and the class loss are those of ours; AdamW, clipping at 5, two threads.
"""

import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

WIDTHS, WIDTH, CLASSES, BATCH = (1000, 50, 256), 128, 5, 64


class EarlyFusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.genomic_fc, self.clinical_fc, self.imaging_fc = (nn.Linear(w, WIDTH) for w in WIDTHS)
        self.combined_fc = nn.Linear(3 * WIDTH, WIDTH)
        self.dropout = nn.Dropout(0.3)
        self.output_fc = nn.Linear(WIDTH, 1 + CLASSES)

    def forward(self, genomic, clinical, imaging):
        units = [self.genomic_fc(genomic), self.clinical_fc(clinical), self.imaging_fc(imaging)]
        hidden = torch.relu(self.combined_fc(torch.cat([torch.relu(u) for u in units], 1)))
        return self.output_fc(self.dropout(hidden))


class Attention(nn.Module):
    """Modality tokens and a summary token through a pre-norm transformer, 4 heads, 2 layers."""

    def __init__(self):
        super().__init__()
        self.encoders = nn.ModuleList(nn.Linear(w, WIDTH) for w in WIDTHS)
        self.modality_embedding = nn.Parameter(torch.randn(len(WIDTHS), WIDTH) / WIDTH**0.5)
        self.summary_token = nn.Parameter(torch.randn(WIDTH) / WIDTH**0.5)
        layer = nn.TransformerEncoderLayer(
            WIDTH, 4, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, 2, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False
        )
        self.dropout = nn.Dropout(0.3)
        self.output_fc = nn.Linear(WIDTH, 1 + CLASSES)

    def forward(self, *blocks):
        units = [torch.relu(encode(block)) for encode, block in zip(self.encoders, blocks)]
        tokens = torch.stack(units, 1) + self.modality_embedding
        summary = self.summary_token.expand(len(tokens), 1, WIDTH)
        summary = self.encoder(torch.cat([summary, tokens], 1))[:, 0]
        return self.output_fc(self.dropout(summary))


def loss_of(output, time_days, event, label):
    risk = output[:, 0]
    order = torch.argsort(time_days, descending=True)
    risk, event = risk[order], event[order]
    likelihood = ((risk - torch.logcumsumexp(risk, 0)) * event).sum() / event.sum().clamp(min=1)
    return -likelihood + 0.3 * nn.functional.cross_entropy(output[:, 1:], label)


def main():
    kind, epochs = sys.argv[1], int(sys.argv[2])
    network, device, patients = [*sys.argv[3:], *["early_fusion", "cpu", "20000"][len(sys.argv) - 3 :]]
    patients = int(patients)
    torch.set_num_threads(2)
    torch.manual_seed(0)
    blocks = [torch.randn(patients, width) for width in WIDTHS]
    time_days = torch.randint(1, 4000, (patients,)).float()
    event = (torch.rand(patients) < 0.4).float()
    data = (*blocks, time_days, event, torch.arange(patients) % CLASSES)
    data = tuple(one.to(device) for one in data)
    network = {"early_fusion": EarlyFusion, "attention": Attention}[network]().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-4, weight_decay=0.01)
    loader = DataLoader(TensorDataset(*data), batch_size=BATCH, shuffle=True)
    for epoch in range(epochs):
        start = time.perf_counter()
        if kind == "loader":
            batches = iter(loader)
        else:
            order = torch.randperm(patients, device=device)
            batches = ([one[rows] for one in data] for rows in order.split(BATCH))
        total = 0.0
        for genomic, clinical, imaging, days, died, label in batches:
            loss = loss_of(network(genomic, clinical, imaging), days, died, label)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            total += loss.item()
        if epoch > 0:
            print(f"{time.perf_counter() - start:.4f}")


if __name__ == "__main__":
    main()
