"""One network, six activations, the same seed: what does the function between the layers change?

    python examples/compare_activations.py

Writes runs and compare.html into ./activations; about half a minute.
"""

import learnloop as ll

runs = [
    ll.fit(
        "digits",
        model="mlp",
        epochs=5,
        out=f"activations/{name}",
        overwrite=True,
        progress="off",
        set={"model.activation": name, "report.baselines": False, "report.html": False},
    )
    for name in ("sigmoid", "tanh", "relu", "leaky_relu", "gelu", "swish")
]

found = ll.compare(*runs)
print(found)
print(found.save("activations/compare.html"))
