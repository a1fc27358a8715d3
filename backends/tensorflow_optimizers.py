"""TensorFlow's own optimizer kernels, without Keras: variables, their memory, one update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levelfield.backend import Unsupported, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def optimizer(tf: Any, workload: Workload, variables: list[Any]) -> Callable[..., None]:
    """``update(step, rate, gradients)`` by TensorFlow's kernels, with the workload's constants.

    rate: beside it the step's momentum, where that changes from one step to the next.
    """
    spec, raw = workload.optimizer, tf.raw_ops

    def number(value: float) -> Any:
        return tf.constant(value, workload.dtype)

    def slots(value: float = 0.0) -> list[Any]:
        return [tf.Variable(tf.fill(v.shape, number(value))) for v in variables]

    def kernel(operation: Any, constants: Mapping[str, Any], **memory: list[Any]) -> Any:
        def update(step: Any, rate: Any, gradients: list[Any]) -> None:
            given = {k: c(step) if callable(c) else c for k, c in constants.items()}
            given |= _paced(tf, rate)
            for place, (variable, grad) in enumerate(zip(variables, gradients, strict=True)):
                own = {name: slots[place].handle for name, slots in memory.items()}
                operation(var=variable.handle, grad=grad, **own, **given)

        return update

    match spec.kind:
        case "sgd" if spec.momentum == 0.0:
            return lambda step, rate, gradients: [  # noqa: ARG005 - one shape for all
                raw.ResourceApplyGradientDescent(var=v.handle, alpha=rate, delta=g)
                for v, g in zip(variables, gradients, strict=True)
            ]
        case "sgd":
            rest = {"momentum": spec.momentum, "use_nesterov": spec.nesterov}
            return kernel(raw.ResourceApplyMomentum, rest, accum=slots())
        case "adam" | "adamax":
            rest = {"beta1": spec.beta1, "beta2": spec.beta2, "epsilon": spec.epsilon}
            rest["beta1_power"] = lambda step: tf.pow(number(spec.beta1), step)
            if spec.kind == "adamax":
                return kernel(raw.ResourceApplyAdaMax, rest, m=slots(), v=slots())
            rest["beta2_power"] = lambda step: tf.pow(number(spec.beta2), step)
            return kernel(raw.ResourceApplyAdam, rest, m=slots(), v=slots())
        case "adagrad":
            rest = {"epsilon": spec.epsilon}
            return kernel(raw.ResourceApplyAdagradV2, rest, accum=slots(spec.accumulator))
        case "adadelta":
            rest = {"rho": spec.rho, "epsilon": spec.epsilon}
            return kernel(raw.ResourceApplyAdadelta, rest, accum=slots(), accum_update=slots())
        case "rmsprop":
            rest = {"rho": spec.rho, "momentum": spec.momentum, "epsilon": spec.epsilon}
            return kernel(raw.ResourceApplyRMSProp, rest, ms=slots(), mom=slots())
    raise Unsupported(f"tensorflow has no optimizer {spec.kind}")


def _paced(tf: Any, rate: Any) -> dict[str, Any]:
    """The rate as a kernel takes it, and the momentum, where one stands beside it."""
    if rate.shape.rank == 0:
        return {"lr": rate}
    return dict(zip(("lr", "momentum"), tf.unstack(rate), strict=True))
