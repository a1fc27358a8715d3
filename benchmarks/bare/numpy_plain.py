"""The thesis autoencoder in plain NumPy."""

import sys
import time

import numpy as np

SIZES, BATCH = (784, 1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784), 500
x = np.load(sys.argv[1])[: int(sys.argv[2])]
rng = np.random.default_rng(0)
kernels = [
    (rng.normal(size=(i, o)) * (2 / (i + o)) ** 0.5).astype("float32")
    for i, o in zip(SIZES, SIZES[1:], strict=False)
]
biases = [np.zeros(o, "float32") for o in SIZES[1:]]
weights = kernels + biases
m, v = ([np.zeros_like(w) for w in weights] for _ in range(2))
t = 0


def gradients(batch):
    outs = [batch]
    for w, b in zip(kernels[:-1], biases[:-1], strict=True):
        outs.append(np.maximum(outs[-1] @ w + b, 0))
    out = 1 / (1 + np.exp(-(outs[-1] @ kernels[-1] + biases[-1])))
    error = out - batch
    delta = error * (2 / error.size) * out * (1 - out)
    dw, db = [], []
    for h, w in zip(reversed(outs), reversed(kernels), strict=True):
        dw.insert(0, h.T @ delta)
        db.insert(0, delta.sum(axis=0))
        if h is not batch:
            delta = (delta @ w.T) * (h > 0)
    return float(np.mean(error * error)), dw + db


for _ in sys.stdin:
    start, total = time.perf_counter(), 0.0
    for rows in rng.permutation(len(x)).reshape(-1, BATCH):
        loss, grads = gradients(x[rows])
        t += 1
        rate = 1e-3 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        for w, g, mw, vw in zip(weights, grads, m, v, strict=True):
            mw += 0.1 * (g - mw)
            vw += 0.001 * (g * g - vw)
            w -= rate * mw / (np.sqrt(vw) + 1e-7)
        total += loss
    print(time.perf_counter() - start, total / (len(x) // BATCH), flush=True)
