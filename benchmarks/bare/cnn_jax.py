"""The network B2FL16 in JAX as its experts write it: one jitted step; ``--scan``: the epoch."""

import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_default_matmul_precision", "highest")  # a GPU would take TF32

BATCH, FILTERS = 100, (16, 32)
x = jax.device_put(np.load(sys.argv[1])[: int(sys.argv[2])])
y = jax.device_put(np.load(sys.argv[1].replace("train.npy", "train-labels.npy"))[: len(x)])
rng, width = np.random.default_rng(0), 8 * 8 * FILTERS[-1]
shapes = [(3, 3, 3, 16), (3, 3, 16, 16), (3, 3, 16, 32), (3, 3, 32, 32)]
shapes += [(width, width), (width, width), (width, 10)]
params = []
for shape in shapes:
    fans = np.prod(shape[:-2]) * (shape[-2] + shape[-1])
    limit = np.sqrt(6 / fans)
    params.append((jnp.float32(rng.uniform(-limit, limit, shape)), jnp.zeros(shape[-1])))
adam = optax.adam(1e-3, eps=1e-7)


def loss(params, x, y):
    for number, (w, b) in enumerate(params[:4]):
        dims = ("NHWC", "HWIO", "NHWC")
        x = jax.nn.relu(
            jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=dims) + b
        )
        if number % 2:
            window = (1, 2, 2, 1)
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
    x = x.reshape(len(x), -1)
    for w, b in params[4:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = params[-1]
    value = optax.softmax_cross_entropy_with_integer_labels(x @ w + b, y).mean()
    return value + 0.01 * sum(jnp.sum(w * w) for w, _ in params[:4])


def step(carry, rows, x, y):
    params, state = carry
    value, grads = jax.value_and_grad(loss)(params, x[rows], y[rows])
    updates, state = adam.update(grads, state)
    return (optax.apply_updates(params, updates), state), value


@partial(jax.jit, donate_argnums=0)
def epoch(carry, order, x, y):
    return jax.lax.scan(lambda c, rows: step(c, rows, x, y), carry, order)


single = jax.jit(step, donate_argnums=0)
carry, rng = (params, adam.init(params)), np.random.default_rng(0)
for _ in sys.stdin:
    start = time.perf_counter()
    order = rng.permutation(len(x)).reshape(-1, BATCH)
    if "--scan" in sys.argv:
        carry, losses = epoch(carry, order, x, y)
    else:
        losses = []
        for rows in order:
            carry, value = single(carry, rows, x, y)
            losses.append(value)
    jax.block_until_ready((carry, losses))
    print(time.perf_counter() - start, float(np.mean([float(v) for v in losses])), flush=True)
