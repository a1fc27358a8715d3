"""A workload's model and optimizer in JAX and optax."""

from __future__ import annotations

from typing import Any

from levelfield.backend import Unsupported, Workload


def forward(jax: Any, workload: Workload) -> Any:
    """The model as a function of weights and samples, to the logits where the loss takes them."""
    functions = {
        "linear": lambda z: z,
        "sigmoid": jax.nn.sigmoid,
        "tanh": jax.numpy.tanh,
        "relu": jax.nn.relu,
        "selu": jax.nn.selu,
    }
    for layer in workload.layers:
        if layer.kind != "dense":
            raise Unsupported(f"jax has no layer of kind {layer.kind}")
    activations = [functions[layer.activation] for layer in workload.layers]
    if workload.loss == "binary_crossentropy":
        activations[-1] = functions["linear"]

    def outputs(weights: Any, x: Any) -> Any:
        for number, activation in enumerate(activations, start=1):
            x = activation(x @ weights[f"layer{number}/kernel"] + weights[f"layer{number}/bias"])
        return x

    return outputs


def optimizer(optax: Any, workload: Workload, rate: Any) -> Any:
    """The stock optax optimizer with the workload's constants."""
    spec = workload.optimizer
    match spec.kind:
        case "sgd":
            return optax.sgd(rate, momentum=spec.momentum or None, nesterov=spec.nesterov)
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
            rest = {"eps": spec.epsilon, "momentum": spec.momentum or None}
            return optax.rmsprop(rate, decay=spec.rho, **rest)
    raise Unsupported(f"jax has no optimizer {spec.kind}")
