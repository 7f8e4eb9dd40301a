"""The next value of a noisy sine wave: a recurrent network answers at every step, and goes on by itself.

    python examples/sine_wave.py

Writes the run, curves.png and forecast.png into ./sine; about half a minute. x holds 50 values of a wave, y the same
wave one step later: y has a number for every step of x, so every step is learnt from. The forecast feeds the network
with its own answers.
"""

import matplotlib.pyplot as plt
import numpy as np

import learnloop as ll

random = np.random.default_rng(0)
SHOWN, AHEAD = 50, 50
phase, pace = random.uniform(0, 2 * np.pi, (1000, 1)), random.uniform(0.2, 0.5, (1000, 1))
wave = np.sin(pace * np.arange(SHOWN + AHEAD + 1) + phase)
noisy = (wave + 0.05 * random.normal(size=wave.shape)).astype(np.float32)
x, y = noisy[:, :SHOWN, None], noisy[:, 1 : SHOWN + 1]  # [rows, time, features], [rows, time]

run = ll.fit((x, y), model="rnn", epochs=30, out="sine/run", overwrite=True, set={"model.hidden": 32})
print(run.metrics["test"], run.report["verdict"], sep="\n")

figure, axes = plt.subplots(figsize=(7, 4))
for kind in ("train", "validation"):
    rows = run.history[run.history["kind"] == kind]
    axes.plot(rows["step"], rows["loss"], label=kind)
axes.set(xlabel="step", ylabel="loss (standardised)", yscale="log", title="The next value of a sine wave")
axes.legend()
figure.savefig("sine/curves.png", dpi=120, bbox_inches="tight")

seen = x[:3, :, 0].copy()
for _ in range(AHEAD):
    later = np.stack(run.predict(seen[..., None])["prediction"])[:, -1:]
    seen = np.concatenate([seen, later.astype(np.float32)], axis=1)

figure, axes = plt.subplots(3, figsize=(7, 5), sharex=True)
for row, one in enumerate(axes):
    one.plot(wave[row, : SHOWN + AHEAD], color="lightgrey", linewidth=4, label="the wave without noise")
    one.plot(range(SHOWN), seen[row, :SHOWN], ".", label="seen")
    one.plot(range(SHOWN, SHOWN + AHEAD), seen[row, SHOWN:], label="gone on with its own answers")
axes[0].legend(fontsize=7, loc="upper right")
axes[-1].set(xlabel="step")
figure.savefig("sine/forecast.png", dpi=120, bbox_inches="tight")
print("sine/curves.png sine/forecast.png")
