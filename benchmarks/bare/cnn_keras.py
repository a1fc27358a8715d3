"""The network B2FL16 in Keras 3 on the engine of KERAS_BACKEND: compile, fit.

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

BATCH, FILTERS = 100, (16, 32)
x = np.load(sys.argv[1])[: int(sys.argv[2])]
labels = np.load(sys.argv[1].replace("train.npy", "train-labels.npy"))[: len(x)]
y = keras.utils.to_categorical(labels, 10)
stack, width = [keras.Input((32, 32, 3))], 8 * 8 * FILTERS[-1]
for filters in FILTERS:
    for _ in range(2):
        penalty = keras.regularizers.L2(0.01)
        how = {"padding": "same", "activation": "relu", "kernel_regularizer": penalty}
        stack.append(keras.layers.Conv2D(filters, 3, **how))
    stack.append(keras.layers.MaxPooling2D(2))
stack.append(keras.layers.Flatten())
stack += [keras.layers.Dense(width, activation="relu") for _ in range(2)]
model = keras.Sequential([*stack, keras.layers.Dense(10, activation="softmax")])
adam = keras.optimizers.Adam(1e-3, epsilon=1e-7)
model.compile(optimizer=adam, loss="categorical_crossentropy", **json.loads(sys.argv[3]))

for _ in sys.stdin:
    start = time.perf_counter()
    history = model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    print(time.perf_counter() - start, history.history["loss"][0], flush=True)
