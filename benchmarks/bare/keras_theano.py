"""The thesis autoencoder in Keras 2.3.1 on Theano: compile, fit."""

import collections
import collections.abc
import inspect
import sys
import time

for name in collections.abc.__all__:  # what Python has moved since
    setattr(collections, name, getattr(collections.abc, name))
inspect.getargspec = lambda f: collections.namedtuple("Spec", "args varargs keywords defaults")(
    *inspect.getfullargspec(f)[:4]
)
import keras
import numpy as np

SIZES, BATCH = (784, 1000, 500, 250, 125, 32, 125, 250, 500, 1000, 784), 500
x = np.load(sys.argv[1])[: int(sys.argv[2])]
model = keras.Sequential()
for number, units in enumerate(SIZES[1:], start=1):
    how = {"activation": "relu" if number < len(SIZES) - 1 else "sigmoid"}
    if number == 1:
        how["input_dim"] = SIZES[0]
    model.add(keras.layers.Dense(units, kernel_initializer="glorot_normal", **how))
adam = keras.optimizers.Adam(1e-3, epsilon=1e-7)
model.compile(optimizer=adam, loss="mean_squared_error")

for _ in sys.stdin:
    start = time.perf_counter()
    history = model.fit(x, x, batch_size=BATCH, epochs=1, verbose=0)
    print(time.perf_counter() - start, history.history["loss"][0], flush=True)
