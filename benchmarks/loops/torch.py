"""Plain PyTorch: a loop over shuffled slices of tensors in memory (faster than a DataLoader, which picks row by row).

Loss and accuracy are summed as tensors and read once an epoch. Adam is PyTorch's default implementation. On a GPU all
tensors lie there.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from ..workload import EPSILON, Workload
from . import CHUNK, Run

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
LOSSES = {
    "binary_crossentropy": functional.binary_cross_entropy_with_logits,
    "sparse_categorical_crossentropy": functional.cross_entropy,
    "mse": functional.mse_loss,
}


def make(workload: Workload, x: np.ndarray, y: np.ndarray, module: str) -> Run:
    torch.manual_seed(0)
    model = workload.torch().to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=workload.learning_rate, eps=EPSILON)
    loss_of = LOSSES[workload.loss]
    inputs, targets = torch.from_numpy(x).to(DEVICE), torch.from_numpy(y).to(DEVICE)
    if workload.loss == "sparse_categorical_crossentropy":
        targets = targets.long()

    def fit() -> float:
        model.train()
        for _ in range(workload.epochs):
            total, correct = torch.zeros((), device=DEVICE), torch.zeros((), dtype=torch.long, device=DEVICE)
            for rows in torch.randperm(len(inputs), device=DEVICE).split(workload.batch_size):
                batch = targets[rows]
                optimizer.zero_grad()
                logits = model(inputs[rows])
                loss = loss_of(logits, batch)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(rows)
                correct += hits(workload.loss, logits.detach(), batch)
        return total.item() / len(inputs)

    @torch.no_grad()
    def predict(rows: np.ndarray) -> np.ndarray:
        model.eval()
        parts = [outputs(workload.loss, model(part.to(DEVICE))) for part in torch.from_numpy(rows).split(CHUNK)]
        return torch.cat(parts).cpu().numpy()

    return Run(fit, predict)


def hits(loss: str, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor | int:
    """How many rows of a batch are right."""
    if loss == "binary_crossentropy":
        return ((logits > 0) == (targets > 0.5)).sum()
    if loss == "sparse_categorical_crossentropy":
        return (logits.argmax(-1) == targets).sum()
    return 0


def outputs(loss: str, logits: torch.Tensor) -> torch.Tensor:
    if loss == "binary_crossentropy":
        return logits.sigmoid()
    return logits if loss == "mse" else logits.softmax(-1)
