"""A workload's optimizer in `torch.optim`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levelfield.backend import Unsupported

if TYPE_CHECKING:
    from levelfield.backend import Workload


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
