"""Keras 3, `model.compile` and `model.fit`, on JAX or on torch (`--backend`)."""

from __future__ import annotations

import argparse
import os
from typing import Any

import work


def build(keras: Any, case: str) -> Any:
    layers = keras.layers
    if case == "mlp":
        return keras.Sequential(
            [keras.Input((64,)), layers.Dense(128, activation="relu"), layers.Dense(64, activation="relu")]
            + [layers.Dense(work.CLASSES)]
        )
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for size in (32, 64, 128):
        model.add(layers.Conv2D(size, 3, padding="same", activation="relu"))
        model.add(layers.BatchNormalization())
        model.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(0.5)):
        model.add(layer)
    model.add(layers.Dense(work.CLASSES))
    return model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", choices=["jax", "torch"], required=True)
    given = work.arguments(parser)
    os.environ["KERAS_BACKEND"] = given.backend
    import keras

    keras.utils.set_random_seed(0)
    x, y = work.data(given.case, given.steps, channels_last=True)
    marks = work.Marks()

    class Ends(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            marks.mark()

    model = build(keras, given.case)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=work.LR),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(x, y, batch_size=given.batch, epochs=given.passes, verbose=0, callbacks=[Ends()])
    right = float((model.predict(x[:1000], verbose=0).argmax(1) == y[:1000]).mean())
    engine = __import__(given.backend)
    parameters = sum(int(weight.value.shape.numel() if given.backend == "torch" else weight.value.size)
                     for weight in model.trainable_weights)  # fmt: skip
    version = f"keras {keras.__version__}, {given.backend} {engine.__version__}"
    work.report(marks, given, version=version, parameters=parameters, accuracy=right)


if __name__ == "__main__":
    main()
