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
    maps, height, width = work.SHAPE[case]
    if case == "resnet18":
        return resnet18(keras, (height, width, maps))
    model = keras.Sequential([keras.Input((height, width, maps))])
    for size in (32, 64, 128):
        model.add(layers.Conv2D(size, 3, padding="same", activation="relu"))
        model.add(layers.BatchNormalization())
        model.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(0.5)):
        model.add(layer)
    model.add(layers.Dense(work.CLASSES))
    return model


def resnet18(keras: Any, shape: tuple[int, int, int]) -> Any:
    """torch_nets.ResNet18 in Keras's functional style; batch norm with that one's momentum (0.9 here) and epsilon.

    `same` pads a halving convolution at the far border alone: the same work, a pixel beside torch's.
    """
    layers = keras.layers

    def convolution(x: Any, size: int, side: int, stride: int = 1) -> Any:
        x = layers.Conv2D(size, side, strides=stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    def block(x: Any, size: int, stride: int) -> Any:
        """[batch, h, w, maps] -> [batch, h / stride, w / stride, size]."""
        y = layers.ReLU()(convolution(x, size, 3, stride))
        y = convolution(y, size, 3)
        shortcut = x if x.shape[-1] == size else convolution(x, size, 1, stride)
        return layers.ReLU()(layers.Add()([y, shortcut]))

    inputs = keras.Input(shape)
    x = layers.ReLU()(convolution(inputs, 64, 3))
    for size, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        x = block(block(x, size, stride), size, 1)
    x = layers.GlobalAveragePooling2D()(x)  # [batch, 512]
    return keras.Model(inputs, layers.Dense(work.CLASSES)(x))


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
