"""PyTorch: eager, and through torch.compile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from levelfield.backend import Array, Backend, Unsupported, Weights, Workload

from .torch_layers import activation, build, canonical, losses, named, penalty

if TYPE_CHECKING:
    from collections.abc import Mapping


class Torch(Backend):
    """`torch.nn` modules and `torch.optim`, fused where PyTorch has a fused kernel."""

    name = "torch"
    modes = ("eager", "compile")
    devices = frozenset({"cpu", "cuda"})
    packages = ("torch",)
    imports = ("torch",)
    semantics: ClassVar = {"adamax.epsilon": "inside the maximum"}

    def __init__(
        self, workload: Workload, weights: Weights, *, mode: str, device: str, threads: int
    ) -> None:
        """Build the model, its optimizer, and the function that gives a batch's loss."""
        import torch
        from torch.nn import functional

        if device == "cuda" and not torch.cuda.is_available():
            raise Unsupported("torch sees no CUDA device")
        torch.set_num_threads(threads)
        torch.backends.cuda.matmul.allow_tf32 = False
        self.torch, self.device, self.batch = torch, torch.device(device), workload.batch
        torch.manual_seed(workload.seed)
        torch.backends.cudnn.allow_tf32 = False
        compare = losses(functional)[workload.loss]
        self.model = build(torch, workload, weights).to(self.device)
        self.activate = activation(torch, workload)
        self.parameters = named(self.model, weights)
        penalise = penalty(self.parameters, workload)
        self.optimizer = optimizer(torch.optim, workload, self.model.parameters())
        if workload.cycled:
            self.optimizer.register_step_pre_hook(follow)

        def lost(outputs: Any, y: Any) -> Any:
            return penalise(compare(outputs, y))

        def loss(x: Any, y: Any) -> Any:
            return lost(self.model(x), y)

        self.lost = lost
        # The one smaller batch of an epoch is not worth a compilation of its own.
        self.partial = loss
        self.full = torch.compile(loss, dynamic=False) if mode == "compile" else loss

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
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return float(total) / len(order)

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
            outputs = self.model(self.x.index_select(0, rows))
            loss = self.lost(outputs, y)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            right.append((outputs.detach().argmax(dim=1) == y).sum())
        return torch.stack(losses).double().cpu().numpy(), torch.stack(right).double().cpu().numpy()

    def predict(self, x: Array) -> Array:
        """Outputs of the model."""
        self.model.eval()
        with self.torch.inference_mode():
            outputs = self.model(self.torch.tensor(x, device=self.device))
            outputs = self.activate(outputs).cpu().numpy()
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

    def settings(self) -> Mapping[str, str | int | bool]:
        """Threads and switches, as PyTorch reads them back."""
        return {
            "threads": self.torch.get_num_threads(),
            "tf32": self.torch.backends.cuda.matmul.allow_tf32,
            "fused optimizer": bool(self.optimizer.defaults.get("fused")),
        }


def follow(optimizer: Any, *_: Any) -> None:
    """A hook before a step: the next momentum, set as PyTorch's schedulers set it.

    So the loops of workloads that do not cycle it know nothing of it.
    """
    group = optimizer.param_groups[0]
    group["momentum"] = next(group["momenta"])


def optimizer(optim: Any, workload: Workload, parameters: Any) -> Any:
    """The stock optimizer with the workload's constants; the rate of each step is set later."""
    spec = workload.optimizer
    match spec.kind:
        case "sgd":
            momentum = {"momentum": spec.momentum, "nesterov": spec.nesterov and spec.momentum > 0}
            return optim.SGD(parameters, lr=1.0, **momentum, fused=True)
        case "adam":
            betas = (spec.beta1, spec.beta2)
            return optim.Adam(parameters, lr=1.0, betas=betas, eps=spec.epsilon, fused=True)
        case "adamax":
            betas = (spec.beta1, spec.beta2)
            return optim.Adamax(parameters, lr=1.0, betas=betas, eps=spec.epsilon, foreach=True)
        case "adagrad":
            start = {"initial_accumulator_value": spec.accumulator, "eps": spec.epsilon}
            return optim.Adagrad(parameters, lr=1.0, **start, foreach=True)
        case "adadelta":
            return optim.Adadelta(parameters, lr=1.0, rho=spec.rho, eps=spec.epsilon, foreach=True)
        case "rmsprop":
            rest = {"eps": spec.epsilon, "momentum": spec.momentum, "foreach": True}
            return optim.RMSprop(parameters, lr=1.0, alpha=spec.rho, **rest)
    raise Unsupported(f"torch has no optimizer {spec.kind}")
