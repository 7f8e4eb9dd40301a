"""Lightning: a LightningModule, a DataLoader and `Trainer.fit`; bars, loggers and checkpoints switched off."""

from __future__ import annotations

import logging
import warnings

import work


def main() -> None:
    given = work.arguments()
    import lightning
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    x, y = work.data(given.case, given.steps)
    marks = work.Marks()

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = work.torch_net(given.case)

        def training_step(self, batch, index):  # type: ignore[no-untyped-def]
            inputs, targets = batch
            return torch.nn.functional.cross_entropy(self.net(inputs), targets)

        def configure_optimizers(self):  # type: ignore[no-untyped-def]
            return torch.optim.Adam(self.parameters(), lr=work.LR)

    class Ends(lightning.Callback):
        def on_train_epoch_end(self, trainer, module) -> None:  # type: ignore[no-untyped-def]
            marks.mark()

    module = Module()
    loader = DataLoader(
        TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=given.batch, shuffle=True
    )  # fmt: skip
    trainer = lightning.Trainer(
        max_epochs=given.passes, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[Ends()],
    )  # fmt: skip
    trainer.fit(module, loader)
    parameters = sum(p.numel() for p in module.parameters())
    version = f"lightning {lightning.__version__}, torch {torch.__version__}"
    right = work.accuracy(module.net, x, y)
    work.report(marks, given, version=version, parameters=parameters, accuracy=right)


if __name__ == "__main__":
    main()
