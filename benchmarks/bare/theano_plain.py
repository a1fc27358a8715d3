"""The thesis autoencoder in Theano as its users wrote it: shared variables, updates, a function."""

import sys
import time

import numpy as np
import theano
from theano import tensor

SIZES, BATCH = (784, 1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784), 500
theano.config.floatX = "float32"
data = theano.shared(np.load(sys.argv[1])[: int(sys.argv[2])], borrow=True)
rng = np.random.default_rng(0)
weights = []
for i, o in zip(SIZES, SIZES[1:]):
    kernel = rng.normal(0, (2 / (i + o)) ** 0.5, (i, o)).astype("float32")
    weights += [theano.shared(kernel), theano.shared(np.zeros(o, "float32"))]

rows = tensor.lvector("rows")
x = h = data[rows]
for number in range(0, len(weights) - 2, 2):
    h = tensor.nnet.relu(tensor.dot(h, weights[number]) + weights[number + 1])
out = tensor.nnet.sigmoid(tensor.dot(h, weights[-2]) + weights[-1])
loss = tensor.sqr(out - x).mean()

step = theano.shared(np.float32(0))
t, updates = step + 1, [(step, step + 1)]
rate = 1e-3 * tensor.sqrt(1 - 0.999**t) / (1 - 0.9**t)
for w, g in zip(weights, theano.grad(loss, weights)):
    m, v = (theano.shared(np.zeros_like(w.get_value())) for _ in range(2))
    now_m, now_v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * tensor.sqr(g)
    updates += [(m, now_m), (v, now_v), (w, w - rate * now_m / (tensor.sqrt(now_v) + 1e-7))]
updates = [(old, tensor.cast(new, "float32")) for old, new in updates]
train = theano.function([rows], loss, updates=updates)

count = len(data.get_value(borrow=True))
for _ in sys.stdin:
    start = time.perf_counter()
    order = rng.permutation(count).reshape(-1, BATCH)
    losses = [float(train(each)) for each in order]
    print(time.perf_counter() - start, np.mean(losses), flush=True)
