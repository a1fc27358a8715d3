"""The thesis autoencoder in TensorFlow without Keras: a graph of the whole epoch; ``--xla``."""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

SIZES, BATCH = (784, 1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784), 500
threads = int(os.environ["OMP_NUM_THREADS"])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
x = tf.constant(np.load(sys.argv[1])[: int(sys.argv[2])])
kernels = [
    tf.Variable(tf.random.normal((i, o)) * (2 / (i + o)) ** 0.5)
    for i, o in zip(SIZES, SIZES[1:], strict=False)
]
biases = [tf.Variable(tf.zeros(o)) for o in SIZES[1:]]
weights = kernels + biases
m, v = ([tf.Variable(tf.zeros_like(w)) for w in weights] for _ in range(2))
count = tf.Variable(0.0)


@tf.function(jit_compile="--xla" in sys.argv)
def epoch(x, order):
    total = tf.zeros(())
    for step in tf.range(len(order)):
        batch = tf.gather(x, order[step])
        with tf.GradientTape() as tape:
            h = batch
            for w, b in zip(kernels[:-1], biases[:-1], strict=True):
                h = tf.nn.relu(h @ w + b)
            out = tf.sigmoid(h @ kernels[-1] + biases[-1])
            loss = tf.reduce_mean((out - batch) ** 2)
        t = count.assign_add(1.0)
        for w, g, mw, vw in zip(weights, tape.gradient(loss, weights), m, v, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle, m=mw.handle, v=vw.handle, beta1_power=0.9**t, beta2_power=0.999**t,
                lr=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-7, grad=g,
            )  # fmt: skip
        total += loss
    return total / tf.cast(len(order), tf.float32)


for _ in sys.stdin:
    start = time.perf_counter()
    order = tf.reshape(tf.random.shuffle(tf.range(len(x))), (-1, BATCH))
    loss = float(epoch(x, order))
    print(time.perf_counter() - start, loss, flush=True)
