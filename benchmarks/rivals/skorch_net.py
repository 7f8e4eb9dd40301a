"""skorch: `NeuralNetClassifier(...).fit(x, y)` on arrays; no validation split, nothing printed."""

from __future__ import annotations

from typing import Any

import work


def main() -> None:
    given = work.arguments()
    import skorch
    import torch
    from skorch.callbacks import Callback

    x, y = work.data(given.case, given.steps)
    marks = work.Marks()

    class Ends(Callback):
        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            marks.mark()

    net = skorch.NeuralNetClassifier(
        work.torch_net(given.case), criterion=torch.nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=work.LR,
        batch_size=given.batch, max_epochs=given.passes, iterator_train__shuffle=True, train_split=None, verbose=0,
        callbacks=[("ends", Ends())],
    )  # fmt: skip
    net.fit(x, y)
    parameters = sum(p.numel() for p in net.module_.parameters())
    version = f"skorch {skorch.__version__}, torch {torch.__version__}"
    right = work.accuracy(net.module_, x, y)
    work.report(marks, given, version=version, parameters=parameters, accuracy=right)


if __name__ == "__main__":
    main()
