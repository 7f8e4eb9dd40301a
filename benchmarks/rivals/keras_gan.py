"""Keras 3 on JAX: the same networks, one jitted function a step (stateless calls, as Keras's guide for JAX has it)."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import gan_work as work
import jax
import jax.numpy as jnp
import keras
from keras import layers


def build() -> tuple[Any, Any]:
    """[n, 100] -> [n, 28, 28, 1], and [n, 28, 28, 1] -> [n, 1]; batch norm with torch's momentum and epsilon."""
    normal = keras.initializers.RandomNormal(stddev=0.02)

    def norm() -> Any:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)

    def up(maps: int, bias: bool) -> Any:
        return layers.Conv2DTranspose(maps, 4, 2, "same", use_bias=bias, kernel_initializer=normal)

    generator = keras.Sequential(
        [
            keras.Input((work.NOISE,)),
            layers.Dense(7 * 7 * 128, use_bias=False, kernel_initializer=normal),
            layers.Reshape((7, 7, 128)),
            norm(), layers.ReLU(), up(64, False),
            norm(), layers.ReLU(), up(1, True), layers.Activation("tanh"),
        ]
    )  # fmt: skip
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 4, 2, "same", kernel_initializer=normal), layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(128, 4, 2, "same", use_bias=False, kernel_initializer=normal),
            norm(), layers.LeakyReLU(negative_slope=0.2),
            layers.Flatten(), layers.Dense(1, kernel_initializer=normal),
        ]
    )  # fmt: skip
    return generator, discriminator


def main() -> None:
    given = work.arguments()
    keras.utils.set_random_seed(0)
    x = jnp.asarray(work.pictures(given.steps))[..., None]  # [rows, 28, 28, 1]
    generator, discriminator = build()
    move_g, move_d = (keras.optimizers.Adam(work.LR, beta_1=work.BETA1) for _ in range(2))
    move_g.build(generator.trainable_variables)
    move_d.build(discriminator.trainable_variables)

    def losses_of_d(d: Any, rest: Any, real: Any, made: Any) -> Any:
        r, rest = discriminator.stateless_call(d, rest, real, training=True)
        f, rest = discriminator.stateless_call(d, rest, made, training=True)
        return (jax.nn.softplus(-r) + jax.nn.softplus(f)).mean(), rest

    def step(state: Any, real: Any, key: Any) -> Any:
        g, g_rest, d, d_rest, g_moments, d_moments = state
        noise = jax.random.normal(key, (work.BATCH, work.NOISE))
        real = real.astype("float32") / 127.5 - 1

        def make(weights: Any) -> Any:
            return generator.stateless_call(weights, g_rest, noise, training=True)

        made, back, g_rest = jax.vjp(make, g, has_aux=True)  # made once, for both players
        (loss_d, d_rest), grads = jax.value_and_grad(losses_of_d, has_aux=True)(d, d_rest, real, made)
        d, d_moments = move_d.stateless_apply(d_moments, grads, d)

        def loss_of_g(pictures: Any) -> Any:
            f, rest = discriminator.stateless_call(d, d_rest, pictures, training=True)
            return jax.nn.softplus(-f).mean(), rest

        (loss_g, d_rest), by_picture = jax.value_and_grad(loss_of_g, has_aux=True)(made)
        (grads,) = back(by_picture)
        g, g_moments = move_g.stateless_apply(g_moments, grads, g)
        return (g, g_rest, d, d_rest, g_moments, d_moments), loss_g, loss_d

    step = jax.jit(step, donate_argnums=0)
    state = tuple(
        [variable.value for variable in variables]
        for variables in (
            generator.trainable_variables, generator.non_trainable_variables,
            discriminator.trainable_variables, discriminator.non_trainable_variables,
            move_g.variables, move_d.variables,
        )
    )  # fmt: skip
    count = [sum(int(v.size) for v in net) for net in (state[0], state[2])]
    key, marks = jax.random.key(0), work.Marks()
    loss_g = loss_d = jnp.zeros(())
    for _ in range(given.passes):
        key, order_key = jax.random.split(key)
        order = jax.random.permutation(order_key, len(x))
        for start in range(0, len(x), work.BATCH):
            key, noise_key = jax.random.split(key)
            state, loss_g, loss_d = step(state, x[order[start : start + work.BATCH]], noise_key)
        jax.block_until_ready(state)
        marks.mark()
    version = f"keras {keras.__version__}, jax {jax.__version__}"
    work.report(marks, given, version, count, [float(loss_g), float(loss_d)])


if __name__ == "__main__":
    main()
