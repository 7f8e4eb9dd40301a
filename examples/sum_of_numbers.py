"""The sum of 50 random numbers, read one at a time: LSTM, GRU and the plain recurrent network on one picture.

    python examples/sum_of_numbers.py

Writes runs and curves.png into ./sum; half a minute. A straight line through the 50 columns is exact; a recurrent
network has to find out that it must keep everything it has seen and add to it.
"""

import matplotlib.pyplot as plt
import numpy as np

import learnloop as ll

random = np.random.default_rng(0)
x = random.random((3000, 50, 1)).astype(np.float32)  # [rows, time, features]
y = x.sum(axis=(1, 2))

runs = {
    name: ll.fit(
        (x, y),
        task="regress",
        model=name,
        epochs=25,
        out=f"sum/{name}",
        overwrite=True,
        progress="off",
        set={"model.hidden": 32, "report.html": False},
    )
    for name in ("lstm", "gru", "rnn")
}

figure, axes = plt.subplots(figsize=(7, 4))
for name, run in runs.items():
    held_out = run.history[run.history["kind"] == "validation"]
    axes.plot(held_out["step"], held_out["rmse"], label=f"{name}: {run.metrics['test']['rmse']:.3f} on the test part")
axes.axhline(y.std(), color="grey", linestyle=":", label=f"always the mean: {y.std():.2f}")
axes.set(xlabel="step", ylabel="RMSE, validation", yscale="log", title="The sum of 50 numbers between 0 and 1")
axes.legend()
figure.savefig("sum/curves.png", dpi=120, bbox_inches="tight")
print("sum/curves.png")
