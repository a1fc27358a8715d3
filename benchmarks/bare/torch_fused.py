"""The thesis autoencoder in PyTorch as its experts write it: fused Adam; eager or ``--compile``."""

import os
import sys
import time

import numpy as np
import torch
from torch import nn

SIZES, BATCH = (784, 1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784), 500
DEVICE = os.environ.get("DEVICE", "cpu")
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
x = torch.tensor(np.load(sys.argv[1])[: int(sys.argv[2])]).to(DEVICE)
layers = []
for i, o in zip(SIZES, SIZES[1:], strict=False):
    layers += [nn.Linear(i, o), nn.ReLU()]
    nn.init.xavier_normal_(layers[-2].weight)
model = nn.Sequential(*layers[:-1], nn.Sigmoid()).to(DEVICE)
adam = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)

forward = torch.compile(model) if "--compile" in sys.argv else model
for _ in sys.stdin:
    start, total = time.perf_counter(), torch.zeros((), device=DEVICE)
    for rows in torch.randperm(len(x), device=DEVICE).split(BATCH):
        batch = x[rows]
        adam.zero_grad(set_to_none=True)
        loss = nn.functional.mse_loss(forward(batch), batch)
        loss.backward()
        adam.step()
        total += loss.detach()
    mean = total.item() / (len(x) // BATCH)  # waits for all of it
    print(time.perf_counter() - start, mean, flush=True)
