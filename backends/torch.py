"""PyTorch: eager, through torch.compile, and on a GPU replayed as CUDA graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from levelfield.backend import Array, Backend, Machine, Unsupported, Weights, Workload

from .torch_layers import activation, build, canonical, losses, named, penalty
from .torch_machine import TorchMachine
from .torch_optimizers import follow, optimizer
from .torch_precision import HALVES, mixed, read, scaler, switch

if TYPE_CHECKING:
    from collections.abc import Mapping


KINDS = {"compile": "default", "reduce-overhead": "reduce-overhead"}
"""What `torch.compile` calls the modes; the second replays CUDA graphs."""


class Torch(Backend):
    """`torch.nn` modules and `torch.optim`, fused where PyTorch has a fused kernel."""

    name = "torch"
    spoken = "PyTorch"
    modes = ("eager", "compile", "reduce-overhead")
    only: ClassVar = {"reduce-overhead": frozenset({"cuda"})}
    devices = frozenset({"cpu", "cuda"})
    environments: ClassVar = {"cuda": "torch-cuda"}
    precisions: ClassVar = {
        **Backend.precisions,
        **dict.fromkeys(HALVES, frozenset({"cpu", "cuda"})),
        "tf32": frozenset({"cuda"}),
    }
    packages = ("torch",)
    imports = ("torch",)
    semantics: ClassVar = {"adamax.epsilon": "inside the maximum"}

    @classmethod
    def machine(cls, *, device: str, precision: str, threads: int) -> Machine | None:
        """PyTorch's own products and copies."""
        import torch

        return TorchMachine(torch, device, precision, threads)

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Build the model, its optimizer, and the function that gives a batch's loss."""
        import torch
        from torch.nn import functional

        if device == "cuda" and not torch.cuda.is_available():
            raise Unsupported("torch sees no CUDA device")
        torch.set_num_threads(threads)
        switch(torch, workload.precision)
        self.mode = mode
        self.torch, self.device, self.batch = torch, torch.device(device), workload.batch
        torch.manual_seed(workload.seed)
        compare = losses(functional)[workload.loss]
        self.model = build(torch, workload, weights).to(self.device)
        self.activate = activation(torch, workload)
        self.parameters = named(self.model, weights)
        penalise = penalty(self.parameters, workload)
        self.optimizer = optimizer(torch.optim, workload, self.model.parameters())
        if workload.cycled:
            self.optimizer.register_step_pre_hook(follow)
        self.scaler = scaler(torch, workload, device)

        def told(x: Any, y: Any) -> Any:
            outputs = self.model(x)
            return penalise(compare(outputs, y)), outputs

        self.told = mixed(torch, workload, device, told)
        self.outputs = mixed(torch, workload, device, self.model)
        self.sample, self.dtype = workload.sample_shape(weights), getattr(torch, workload.dtype)
        # The one smaller batch of an epoch is not worth a compilation of its own.
        self.partial = mixed(torch, workload, device, lambda x, y: told(x, y)[0])
        self.full = self.partial
        if mode != "eager":
            self.full = torch.compile(self.partial, dynamic=False, mode=KINDS[mode])

    def stage(self, x: Array, y: Array) -> None:
        """Copy the training set to the device."""
        self.x = self.torch.tensor(x, device=self.device)
        self.y = self.x if y is x else self.torch.tensor(y, device=self.device)

    def cycle(self, momenta: Array) -> None:
        """Leave them with the optimizer, whose hook takes one before each step."""
        self.optimizer.param_groups[0]["momenta"] = iter(momenta.tolist())

    def train(self, order: Array, rates: Array) -> float:
        """Visit the samples batch by batch; losses stay on the device until the end."""
        torch, optimizer = self.torch, self.optimizer
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        batches = torch.as_tensor(order, device=self.device).split(self.batch)
        for rows, rate in zip(batches, rates.tolist(), strict=True):
            x = self.x.index_select(0, rows)
            y = x if self.y is self.x else self.y.index_select(0, rows)
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            loss = (self.full if len(rows) == self.batch else self.partial)(x, y)
            self.step(loss)
            total += loss.detach() * len(rows)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return float(total) / len(order)

    def step(self, loss: Any) -> None:
        """Follow the gradients of a loss: of the loss times a scale, where float16 needs one."""
        if self.scaler is None:
            loss.backward()
            self.optimizer.step()
            return
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def trace(self, order: Array, rates: Array) -> tuple[Array, Array] | None:
        """The same loop, keeping each batch's loss and right answers on the device."""
        if self.y is self.x:
            return None
        torch, optimizer, losses, right = self.torch, self.optimizer, [], []
        batches = torch.as_tensor(order, device=self.device).split(self.batch)
        for rows, rate in zip(batches, rates.tolist(), strict=True):
            y = self.y.index_select(0, rows)
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            loss, outputs = self.told(self.x.index_select(0, rows), y)
            self.step(loss)
            losses.append(loss.detach())
            right.append((outputs.detach().argmax(dim=1) == y).sum())
        return torch.stack(losses).double().cpu().numpy(), torch.stack(right).double().cpu().numpy()

    def predict(self, x: Array) -> Array:
        """Outputs of the model."""
        self.model.eval()
        with self.torch.inference_mode():
            outputs = self.outputs(self.torch.tensor(x, device=self.device))
            outputs = self.activate(outputs.to(self.dtype)).cpu().numpy()
        self.model.train()
        return outputs

    def weights(self) -> Weights:
        """Kernels turned back to inputs x outputs."""
        return {name: canonical(tensor) for name, tensor in self.parameters.items()}

    def device_memory(self) -> int | None:
        """Peak bytes that PyTorch's allocator held on the GPU."""
        if self.device.type != "cuda":
            return None
        return int(self.torch.cuda.max_memory_allocated(self.device))

    def device_reserved(self) -> int | None:
        """Peak bytes that it had taken from the GPU, used or not."""
        if self.device.type != "cuda":
            return None
        return int(self.torch.cuda.max_memory_reserved(self.device))

    def computing(self) -> str:
        """By the outputs for an empty sample, and the switches of the products."""
        self.model.eval()
        with self.torch.inference_mode():
            given = self.torch.zeros((1, *self.sample), dtype=self.dtype, device=self.device)
            found = read(self.torch, self.outputs(given))
        self.model.train()
        return found

    def replayed(self) -> dict[str, int]:
        """How often `torch.compile` replayed no CUDA graph, where it was to."""
        if self.mode != "reduce-overhead":
            return {}
        from torch._dynamo.utils import counters

        return {"CUDA graphs left out": int(counters["inductor"]["cudagraph_skips"])}

    def settings(self) -> Mapping[str, str | int | bool]:
        """Threads and switches, as PyTorch reads them back."""
        return {
            "threads": self.torch.get_num_threads(),
            "tf32": self.torch.backends.cuda.matmul.allow_tf32,
            "fused optimizer": bool(self.optimizer.defaults.get("fused")),
            **self.replayed(),
        }
