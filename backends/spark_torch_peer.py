"""One of the processes that `TorchDistributor` starts: it does what the driver deals out."""

from __future__ import annotations

from datetime import timedelta
from multiprocessing.connection import Client
from typing import TYPE_CHECKING, Any

import numpy as np

from .torch_layers import build, losses, named, penalty
from .torch_optimizers import follow, optimizer

if TYPE_CHECKING:
    from levelfield.backend import Array, Weights, Workload

LONG = timedelta(days=7)
"""How long the processes wait for each other: the driver ends them."""


def train(address: tuple[str, int], key: bytes, workload: Workload, weights: Weights) -> None:
    """Join the others, then do what the driver deals out, until it says stop or is gone."""
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)  # a task of Spark's has one core
    dist.init_process_group("gloo", timeout=LONG)
    peer = Peer(torch, workload, weights, rank=dist.get_rank(), count=dist.get_world_size())
    with Client(address, authkey=key) as driver:
        while True:
            do, facts = driver.recv()
            if do == "stop":
                break
            driver.send(getattr(peer, do)(**facts))
    dist.destroy_process_group()


class Peer:
    """A replica of the model, its optimizer, and its share of every batch."""

    def __init__(
        self, torch: Any, workload: Workload, weights: Weights, *, rank: int, count: int
    ) -> None:
        """Build the replica."""
        from torch.nn import functional
        from torch.nn.parallel import DistributedDataParallel

        self.torch, self.workload, self.rank, self.count = torch, workload, rank, count
        torch.manual_seed(workload.seed * count + rank)
        self.compare = losses(functional)[workload.loss]
        self.model = build(torch, workload, weights)
        self.penalise = penalty(named(self.model, weights), workload)
        self.parallel = DistributedDataParallel(self.model)
        self.optimizer = optimizer(torch.optim, workload, self.model.parameters())
        if workload.cycled:
            self.optimizer.register_step_pre_hook(follow)

    def threads(self) -> int:
        """Threads that PyTorch computes with."""
        return int(self.torch.get_num_threads())

    def stage(self, x: Array, y: Array | None) -> None:
        """Keep the training set."""
        self.x = self.torch.from_numpy(x)
        self.y = self.x if y is None else self.torch.from_numpy(y)

    def cycle(self, momenta: Array) -> None:
        """Leave them with the optimizer, whose hook takes one before each step."""
        self.optimizer.param_groups[0]["momenta"] = iter(momenta.tolist())

    def train(self, order: Array, rates: Array) -> float:
        """Visit this process' share of every batch; mean loss over everybody's.

        DistributedDataParallel gives the mean of the processes' gradients; each loss is the sum
        over its share, over the mean share of a process: together the mean over the batch, also
        where shares differ.
        """
        torch, batch = self.torch, self.workload.batch
        total = torch.zeros((), dtype=torch.float64)
        for rows, rate in zip(torch.from_numpy(order).split(batch), rates.tolist(), strict=True):
            mine = rows[self.rank :: self.count]
            x = self.x.index_select(0, mine)
            y = x if self.y is self.x else self.y.index_select(0, mine)
            self.optimizer.param_groups[0]["lr"] = rate
            self.optimizer.zero_grad(set_to_none=True)
            summed = self.compare(self.parallel(x), y, reduction="sum") / self.y[0].numel()
            penalty = self.penalise(torch.zeros(()))
            (summed * (self.count / len(rows)) + penalty).backward()
            self.optimizer.step()
            total += summed.detach() + penalty.detach() * (len(rows) / self.count)
        torch.distributed.all_reduce(total)
        return float(total) / len(order)

    def weights(self) -> list[Array]:
        """The parameters, as PyTorch keeps them."""
        return [np.array(p.detach().numpy()) for p in self.model.parameters()]
