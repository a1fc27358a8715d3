"""The network B2FL16 in TensorFlow without Keras: a graph of the whole epoch; ``--xla``."""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

BATCH, FILTERS = 100, (16, 32)
threads = int(os.environ["OMP_NUM_THREADS"])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
x = tf.constant(np.load(sys.argv[1])[: int(sys.argv[2])])
y = tf.constant(np.load(sys.argv[1].replace("train.npy", "train-labels.npy"))[: len(x)])
width = 8 * 8 * FILTERS[-1]
shapes = [(3, 3, 3, 16), (3, 3, 16, 16), (3, 3, 16, 32), (3, 3, 32, 32)]
shapes += [(width, width), (width, width), (width, 10)]
kernels = []
for shape in shapes:
    limit = float(np.sqrt(6 / (np.prod(shape[:-2]) * (shape[-2] + shape[-1]))))
    kernels.append(tf.Variable(tf.random.uniform(shape, -limit, limit)))
biases = [tf.Variable(tf.zeros(shape[-1])) for shape in shapes]
weights = kernels + biases
m, v = ([tf.Variable(tf.zeros_like(w)) for w in weights] for _ in range(2))
count = tf.Variable(0.0)


def forward(h):
    for number in range(4):
        h = tf.nn.conv2d(h, kernels[number], 1, "SAME")
        h = tf.nn.relu(tf.nn.bias_add(h, biases[number]))
        if number % 2:
            h = tf.nn.max_pool2d(h, 2, 2, "VALID")
    h = tf.reshape(h, (-1, width))
    for number in (4, 5):
        h = tf.nn.relu(h @ kernels[number] + biases[number])
    return h @ kernels[6] + biases[6]


@tf.function(jit_compile="--xla" in sys.argv)
def epoch(x, y, order):
    total = tf.zeros(())
    for step in tf.range(len(order)):
        with tf.GradientTape() as tape:
            logits = forward(tf.gather(x, order[step]))
            labels = tf.gather(y, order[step])
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            penalty = tf.add_n([tf.reduce_sum(tf.square(w)) for w in kernels[:4]])
            loss = tf.reduce_mean(losses) + 0.01 * penalty
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
    loss = float(epoch(x, y, order))
    print(time.perf_counter() - start, loss, flush=True)
