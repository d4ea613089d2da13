"""PyTorch's side of `scripts/bench_training`: seconds of each epoch of the reference network.

    python bench_training.py slices|loader EPOCHS

`slices`: batches are rows of tensors by a shuffled index; `loader`: torch's own DataLoader over a
TensorDataset. The Cox loss (Breslow's ties, the batch's risk sets, as the reference design has it)
and the class loss are those of ours; AdamW, clipping at 5, two threads.
"""

import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PATIENTS, WIDTHS, WIDTH, CLASSES, BATCH = 20_000, (1000, 50, 256), 128, 5, 64


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


def loss_of(output, time_days, event, label):
    risk = output[:, 0]
    order = torch.argsort(time_days, descending=True)
    risk, event = risk[order], event[order]
    likelihood = ((risk - torch.logcumsumexp(risk, 0)) * event).sum() / event.sum().clamp(min=1)
    return -likelihood + 0.3 * nn.functional.cross_entropy(output[:, 1:], label)


def main():
    kind, epochs = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(2)
    torch.manual_seed(0)
    blocks = [torch.randn(PATIENTS, width) for width in WIDTHS]
    time_days = torch.randint(1, 4000, (PATIENTS,)).float()
    event = (torch.rand(PATIENTS) < 0.4).float()
    data = (*blocks, time_days, event, torch.arange(PATIENTS) % CLASSES)
    network = EarlyFusion()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-4, weight_decay=0.01)
    loader = DataLoader(TensorDataset(*data), batch_size=BATCH, shuffle=True)
    for epoch in range(epochs):
        start = time.perf_counter()
        if kind == "loader":
            batches = iter(loader)
        else:
            order = torch.randperm(PATIENTS)
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
