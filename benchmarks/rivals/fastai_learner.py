"""fastai: `Learner(DataLoaders, ...).fit`; no bar, no logging, Adam without decay."""

from __future__ import annotations

import work


def main() -> None:
    given = work.arguments()
    import fastai
    import fastai.callback.progress  # gives Learner its no_bar
    import torch
    from fastai.callback.core import Callback
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.optimizer import Adam
    from torch.utils.data import TensorDataset

    x, y = work.data(given.case, given.steps)
    marks = work.Marks()

    class Ends(Callback):
        def after_epoch(self) -> None:
            marks.mark()

    rows = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    nothing = TensorDataset(torch.from_numpy(x[:0]), torch.from_numpy(y[:0]))
    loaders = DataLoaders(
        DataLoader(rows, bs=given.batch, shuffle=True, num_workers=0),
        DataLoader(nothing, bs=given.batch, num_workers=0),
    )
    net = work.torch_net(given.case)
    learner = Learner(
        loaders, net, loss_func=torch.nn.CrossEntropyLoss(), opt_func=Adam, lr=work.LR, wd=0.0, cbs=[Ends()]
    )  # fmt: skip
    with learner.no_bar(), learner.no_logging():
        learner.fit(given.passes)
    parameters = sum(p.numel() for p in net.parameters())
    version = f"fastai {fastai.__version__}, torch {torch.__version__}"
    right = work.accuracy(net, x, y)
    work.report(marks, given, version=version, parameters=parameters, accuracy=right)


if __name__ == "__main__":
    main()
