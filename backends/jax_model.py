"""A workload's optimizer in optax, and its loss."""

from __future__ import annotations

from typing import Any

from levelfield.backend import Unsupported, Workload


def optimizer(optax: Any, workload: Workload, rate: Any, momentum: Any = None) -> Any:
    """The stock optax optimizer with the workload's constants.

    momentum: of the step, where it changes from one to the next.
    """
    spec = workload.optimizer
    if momentum is None:
        momentum = getattr(spec, "momentum", 0.0) or None
    match spec.kind:
        case "sgd":
            return optax.sgd(rate, momentum=momentum, nesterov=spec.nesterov)
        case "adam":
            return optax.adam(rate, b1=spec.beta1, b2=spec.beta2, eps=spec.epsilon)
        case "adamax":
            return optax.adamax(rate, b1=spec.beta1, b2=spec.beta2, eps=spec.epsilon)
        case "adagrad":
            start = {"initial_accumulator_value": spec.accumulator}
            return optax.adagrad(rate, eps=spec.epsilon, **start)
        case "adadelta":
            return optax.adadelta(rate, rho=spec.rho, eps=spec.epsilon)
        case "rmsprop":
            rest = {"eps": spec.epsilon, "momentum": momentum}
            return optax.rmsprop(rate, decay=spec.rho, **rest)
    raise Unsupported(f"jax has no optimizer {spec.kind}")


def loss(jax: Any, optax: Any, workload: Workload) -> Any:
    """The mean loss of a batch as a function of weights, outputs and targets; penalties included.

    A sum of squares is added for each array that the workload names.
    """
    factors = workload.penalties()
    compare = {
        "mean_squared_error": optax.squared_error,
        "binary_crossentropy": optax.sigmoid_binary_cross_entropy,
        "categorical_crossentropy": optax.softmax_cross_entropy_with_integer_labels,
    }[workload.loss]

    def mean(weights: Any, outputs: Any, targets: Any) -> Any:
        value = compare(outputs, targets).mean()
        for name, factor in factors.items():
            value += factor * jax.numpy.sum(jax.numpy.square(weights[name]))
        return value

    return mean
