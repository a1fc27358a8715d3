"""An adapter that is right and shares nothing with Levelfield's own: one sample at a time."""

import math

import numpy as np

from levelfield.backend import Backend, Unsupported

SLOPES = {"linear": lambda a: 1.0, "relu": lambda a: float(a > 0), "sigmoid": lambda a: a * (1 - a)}
FUNCTIONS = {
    "linear": lambda z: z,
    "relu": lambda z: max(z, 0.0),
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z)),
}


class Mine(Backend):
    name = "mine"
    modes = ("plain",)
    packages = ("numpy",)

    def __init__(self, workload, weights, *, mode, device, threads):
        spec = workload.optimizer
        if workload.loss != "mean_squared_error" or spec.kind not in {"adam", "sgd"}:
            raise Unsupported("mine knows the mean squared error, Adam and SGD")
        self.spec, self.batch, self.steps = spec, workload.batch, 0
        self.arrays = {name: array.astype(np.float64) for name, array in weights.items()}
        self.m = {name: np.zeros_like(array) for name, array in self.arrays.items()}
        self.v = {name: np.zeros_like(array) for name, array in self.arrays.items()}
        self.functions = [np.vectorize(FUNCTIONS[x.activation], [float]) for x in workload.layers]
        self.slopes = [np.vectorize(SLOPES[layer.activation], [float]) for layer in workload.layers]

    def stage(self, x, y):
        self.x, self.y = x, y

    def train(self, order, rates):
        total = 0.0
        for place, rate in zip(range(0, len(order), self.batch), rates, strict=True):
            rows = order[place : place + self.batch]
            gradients = {name: np.zeros_like(array) for name, array in self.arrays.items()}
            for row in rows:
                total += self.sample(self.x[row], self.y[row], len(rows), gradients)
            self.steps += 1
            for name, g in gradients.items():
                self.arrays[name] = self.arrays[name] - self.step(name, g, rate)
        return total / len(order)

    def sample(self, x, y, count, gradients):
        outputs = self.outputs(x)
        error = outputs[-1] - y
        delta = 2 * error / (error.size * count)
        for number in range(len(self.functions), 0, -1):
            delta = delta * self.slopes[number - 1](outputs[number])
            gradients[f"layer{number}/kernel"] += np.outer(outputs[number - 1], delta)
            gradients[f"layer{number}/bias"] += delta
            delta = self.arrays[f"layer{number}/kernel"] @ delta
        return float(np.mean(error**2))

    def step(self, name, g, rate):
        spec, t = self.spec, self.steps
        if spec.kind == "sgd":
            self.m[name] = spec.momentum * self.m[name] + g
            return rate * (g + spec.momentum * self.m[name] if spec.nesterov else self.m[name])
        self.m[name] = spec.beta1 * self.m[name] + (1 - spec.beta1) * g
        self.v[name] = spec.beta2 * self.v[name] + (1 - spec.beta2) * g**2
        m, v = self.m[name] / (1 - spec.beta1**t), self.v[name] / (1 - spec.beta2**t)
        return rate * m / (np.sqrt(v) + spec.epsilon)

    def outputs(self, x):
        found = [np.asarray(x, np.float64)]
        for number, function in enumerate(self.functions, start=1):
            kernel, bias = self.arrays[f"layer{number}/kernel"], self.arrays[f"layer{number}/bias"]
            found.append(function(found[-1] @ kernel + bias))
        return found

    def predict(self, x):
        return self.outputs(x)[-1]

    def weights(self):
        return self.arrays
