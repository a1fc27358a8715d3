"""The thesis autoencoder in JAX as its experts write it: one jitted `lax.scan` over the epoch."""

import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_default_matmul_precision", "highest")  # a GPU would take TF32

SIZES, BATCH = (784, 1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784), 500
x = jax.device_put(np.load(sys.argv[1])[: int(sys.argv[2])])
keys = jax.random.split(jax.random.key(0), len(SIZES))
params = [
    (jax.random.normal(k, (i, o)) * (2 / (i + o)) ** 0.5, jnp.zeros(o))
    for k, i, o in zip(keys, SIZES, SIZES[1:], strict=False)
]
adam = optax.adam(1e-3, eps=1e-7)


def loss(params, batch):
    h = batch
    for w, b in params[:-1]:
        h = jax.nn.relu(h @ w + b)
    w, b = params[-1]
    return jnp.mean((jax.nn.sigmoid(h @ w + b) - batch) ** 2)


@partial(jax.jit, donate_argnums=0)
def epoch(carry, x, order):
    def step(carry, rows):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params, x[rows])
        updates, state = adam.update(grads, state)
        return (optax.apply_updates(params, updates), state), value

    return jax.lax.scan(step, carry, order)


carry, rng = (params, adam.init(params)), np.random.default_rng(0)
for _ in sys.stdin:
    start = time.perf_counter()
    order = rng.permutation(len(x)).reshape(-1, BATCH)
    carry, losses = epoch(carry, x, order)
    jax.block_until_ready((carry, losses))
    print(time.perf_counter() - start, float(losses.mean()), flush=True)
