"""The network B2FL16 in PyTorch as its experts write it; ``--contiguous``: PyTorch's own layout."""

import os
import sys
import time

import numpy as np
import torch
from torch import nn

BATCH, FILTERS = 100, (16, 32)
DEVICE = os.environ.get("DEVICE", "cpu")
torch.backends.cudnn.allow_tf32 = False
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
layout = torch.contiguous_format if "--contiguous" in sys.argv else torch.channels_last
x = torch.tensor(np.load(sys.argv[1])[: int(sys.argv[2])]).permute(0, 3, 1, 2)
x = x.contiguous(memory_format=layout).to(DEVICE)
y = torch.tensor(np.load(sys.argv[1].replace("train.npy", "train-labels.npy"))[: len(x)]).to(DEVICE)
layers, convolutions, channels = [], [], 3
for filters in FILTERS:
    for inputs in (channels, filters):
        convolutions.append(nn.Conv2d(inputs, filters, 3, padding=1))
        layers += [convolutions[-1], nn.ReLU()]
    layers.append(nn.MaxPool2d(2))
    channels = filters
width = 8 * 8 * channels
layers += [nn.Flatten(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(width, 10)).to(DEVICE, memory_format=layout)
adam = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)

forward = torch.compile(model) if "--compile" in sys.argv else model
for _ in sys.stdin:
    start, total = time.perf_counter(), torch.zeros((), device=DEVICE)
    for rows in torch.randperm(len(x), device=DEVICE).split(BATCH):
        adam.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(forward(x[rows]), y[rows])
        loss = loss + 0.01 * sum(each.weight.square().sum() for each in convolutions)
        loss.backward()
        adam.step()
        total += loss.detach()
    mean = total.item() / (len(x) // BATCH)  # waits for all of it
    print(time.perf_counter() - start, mean, flush=True)
