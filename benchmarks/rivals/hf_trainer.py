"""Hugging Face `Trainer`: a map-style dataset of dicts, a module that returns its loss; nothing logged or saved."""

from __future__ import annotations

import tempfile

import work


def main() -> None:
    given = work.arguments()
    import torch
    import transformers
    from transformers import Trainer, TrainerCallback, TrainingArguments

    x, y = work.data(given.case, given.steps)
    marks = work.Marks()

    class Rows(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)

        def __len__(self) -> int:
            return len(self.y)

        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            return {"x": self.x[index], "labels": self.y[index]}

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = work.torch_net(given.case)

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            logits = self.net(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    class Ends(TrainerCallback):
        def on_epoch_end(self, args, state, control, **kwargs) -> None:  # type: ignore[no-untyped-def]
            marks.mark()

    module = Net()
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            folder, per_device_train_batch_size=given.batch, num_train_epochs=given.passes, learning_rate=work.LR,
            lr_scheduler_type="constant", max_grad_norm=0.0, logging_strategy="no", save_strategy="no",
            report_to="none", disable_tqdm=True, use_cpu=True,
        )  # fmt: skip
        Trainer(model=module, args=options, train_dataset=Rows(), callbacks=[Ends()]).train()
    parameters = sum(p.numel() for p in module.parameters())
    version = f"transformers {transformers.__version__}, torch {torch.__version__}"
    right = work.accuracy(module.net, x, y)
    work.report(marks, given, version=version, parameters=parameters, accuracy=right)


if __name__ == "__main__":
    main()
