"""The thesis autoencoder in Keras 3 on the engine of KERAS_BACKEND: compile, fit.

The third argument holds further arguments of `compile`, as JSON: the engine's tuned settings.
"""

import json
import os
import sys
import time

if os.environ["KERAS_BACKEND"] == "torch":
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
elif os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(int(os.environ["OMP_NUM_THREADS"]))
    tf.config.threading.set_inter_op_parallelism_threads(int(os.environ["OMP_NUM_THREADS"]))
import keras
import numpy as np

SIZES, BATCH = (784, 1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784), 500
x = np.load(sys.argv[1])[: int(sys.argv[2])]
hidden = [
    keras.layers.Dense(units, activation="relu", kernel_initializer="glorot_normal")
    for units in SIZES[1:-1]
]
output = keras.layers.Dense(SIZES[-1], activation="sigmoid", kernel_initializer="glorot_normal")
model = keras.Sequential([keras.Input((SIZES[0],)), *hidden, output])
adam = keras.optimizers.Adam(1e-3, epsilon=1e-7)
model.compile(optimizer=adam, loss="mean_squared_error", **json.loads(sys.argv[3]))

for _ in sys.stdin:
    start = time.perf_counter()
    history = model.fit(x, x, batch_size=BATCH, epochs=1, verbose=0)
    print(time.perf_counter() - start, history.history["loss"][0], flush=True)
