"""The names of metrics (they follow scikit-learn), what they mean, and which ones are shown first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from learnloop.errors import RecipeError, did_you_mean, nearest


@dataclass(frozen=True)
class Metric:
    """title: for tables. higher: whether more is better. scale: a share of 1, nats, the target's unit, its
    square, or a plain number. meaning: one sentence."""

    title: str
    higher: bool
    scale: Literal["share", "nats", "bits", "unit", "unit squared", "plain"]
    meaning: str


METRICS: dict[str, Metric] = {
    "accuracy": Metric("Accuracy", True, "share", "Share of rows whose prediction is exactly right."),
    "balanced_accuracy": Metric("Balanced accuracy", True, "share", "Mean recall of the classes."),
    "precision": Metric("Precision", True, "share", "Share of predicted positives that are positive."),
    "recall": Metric("Recall", True, "share", "Share of positives that are found."),
    "f1": Metric("F1", True, "share", "Harmonic mean of precision and recall."),
    "precision_macro": Metric("Precision (macro)", True, "share", "Mean precision of the classes."),
    "recall_macro": Metric("Recall (macro)", True, "share", "Mean recall of the classes."),
    "f1_macro": Metric("F1 (macro)", True, "share", "Mean F1 of the classes: rare classes count as much."),
    "f1_micro": Metric("F1 (micro)", True, "share", "F1 of all labels pooled."),
    "f1_weighted": Metric("F1 (weighted)", True, "share", "Mean F1 of the classes, weighted by their rows."),
    "roc_auc": Metric("ROC AUC", True, "plain", "Chance that a positive row scores above a negative one."),
    "average_precision": Metric("Average precision", True, "plain", "Area under the precision-recall curve."),
    "log_loss": Metric("Log loss", False, "nats", "Mean of -ln(probability given to the truth)."),
    "brier": Metric("Brier score", False, "plain", "Mean squared error of the probabilities."),
    "ece": Metric("Calibration error", False, "share", "Mean gap between confidence and accuracy in 15 bins."),
    "hamming_loss": Metric("Hamming loss", False, "share", "Share of single labels that are wrong."),
    "mse": Metric("MSE", False, "unit squared", "Mean squared error."),
    "rmse": Metric("RMSE", False, "unit", "Root of the mean squared error, in the target's unit."),
    "mae": Metric("MAE", False, "unit", "Mean absolute error, in the target's unit."),
    "median_absolute_error": Metric("Median error", False, "unit", "Half of the rows are off by less than this."),
    "r2": Metric("R²", True, "plain", "Share of the target's variance that is explained; 0 = always the mean."),
    "nats_per_char": Metric("Nats a character", False, "nats", "Mean of -ln(probability of the true next character)."),
    "bits_per_char": Metric("Bits a character", False, "bits", "The same in bits: what a compressor would need."),
    "nats_per_token": Metric("Nats a token", False, "nats", "Mean of -ln(probability of the true next token)."),
    "perplexity": Metric("Perplexity", False, "plain", "exp(nats a token): as unsure as among so many equal tokens."),
    "bleu": Metric("BLEU", True, "plain", "Groups of up to four words that are also in the true text, 0 to 100."),
    "chrf": Metric("chrF", True, "plain", "Groups of up to six letters that the two texts share, 0 to 100."),
    "exact_match": Metric("Exact match", True, "share", "Share of texts that are the true one, letter by letter."),
    "cer": Metric("Character error rate", False, "share", "Letters to change, add or remove, a letter of the truth."),
    "wer": Metric("Word error rate", False, "share", "Words to change, add or remove, a word of the true text."),
    "token_accuracy": Metric("Token accuracy", True, "share", "Share of next tokens that are right, the truth before."),
    "mase": Metric(
        "MASE", False, "plain", "Error over that of repeating the last season, in the past: below 1 is better."
    ),
    "mape": Metric("MAPE", False, "plain", "Mean absolute error in percent of the true value."),
    "smape": Metric("sMAPE", False, "plain", "The same in percent of the mean of truth and forecast, 0 to 200."),
    "owa": Metric("OWA", False, "plain", "sMAPE and MASE over those of Naive2: below 1 is better."),
    "pinball": Metric("Pinball loss", False, "plain", "Loss of all quantiles over the scale of MASE."),
    "explained_variance": Metric(
        "Variance explained", True, "share", "Share of the variance that the codes keep; 0 = always the mean row."
    ),
    "adjusted_rand": Metric(
        "Adjusted Rand index", True, "plain", "Clusters of the codes against the classes: 1 = the same, 0 = by chance."
    ),
    "purity": Metric("Purity", True, "share", "Share of rows whose class is the most frequent one of their cluster."),
    "elbo": Metric("ELBO", True, "nats", "Lower bound of ln p(x): minus reconstruction and KL, of one draw a row."),
    "reconstruction": Metric("Reconstruction", False, "nats", "Mean of -ln p(x | z), z drawn from the posterior."),
    "kl": Metric("KL", False, "nats", "What the codes tell of a row: KL of the posterior from the prior."),
    "log_likelihood": Metric("ln p(x), bound", True, "nats", "Importance-weighted lower bound of ln p(x)."),
    "fid": Metric("FID", False, "plain", "Frechet distance of Inception features, made from real; published protocol."),
    "fid_classifier": Metric(
        "FID by classifier", False, "plain", "The same of a classifier's features: not comparable with FID."
    ),
    "frechet_pixels": Metric(
        "Frechet of pixels", False, "plain", "The same of the pixels' principal components: not comparable with FID."
    ),
    "inception_score": Metric("Inception Score", True, "plain", "exp of the KL of each picture's classes from all."),
    "classifier_score": Metric(
        "Classifier score", True, "plain", "The same by a classifier of the data: not comparable with Inception Score."
    ),
    "generated_precision": Metric("Precision of samples", True, "share", "Share of samples that lie among real rows."),
    "generated_recall": Metric("Recall of samples", True, "share", "Share of real rows that lie among samples."),
    "density": Metric("Density", True, "plain", "Real rows around each sample, over those expected: about 1 is right."),
    "coverage": Metric("Coverage", True, "share", "Share of real rows with a sample in their neighbourhood."),
    "class_share_least": Metric("Rarest class", True, "share", "Share of the class that is made least often."),
    "class_share_most": Metric("Commonest class", False, "share", "Share of the class that is made most often."),
    "class_entropy": Metric("Entropy of classes", True, "nats", "Of the classes made; ln of their number: all alike."),
    "as_asked": Metric("Made as asked", True, "share", "Share of samples that are classified as was asked for."),
    "memorised": Metric(
        "Memorised", False, "share", "Share nearer to a training row than 99 in 100 held-out rows are; 1 % is usual."
    ),
    "psnr": Metric("PSNR", True, "plain", "10 log10(1 / mean squared error of pixels in 0..1), in decibels."),
    "cycle_error": Metric("Cycle error", False, "plain", "Mean absolute error of pixels in 0..1, there and back."),
    "loss": Metric("Loss", False, "plain", "The training objective."),
}
for _level in (50, 80, 90, 95, 99):
    METRICS |= {
        f"coverage_{_level}": Metric(
            f"Coverage {_level} %", True, "share", f"Share of true values in the interval; {_level} % is right."
        ),
        f"width_{_level}": Metric(
            f"Width {_level} %", False, "plain", "Mean width of the interval, in the scale of MASE."
        ),
        f"msis_{_level}": Metric(
            f"MSIS {_level} %", False, "plain", "Width and misses of the interval in one, as in M4."
        ),
    }

JUDGED = ("fid", "fid_classifier", "frechet_pixels")
"""How far pictures that were made are from real ones, by who judges them."""

HEADLINE: dict[str, tuple[str, ...]] = {
    "classify": ("accuracy", "f1_macro", "roc_auc", "log_loss"),
    "labels": ("f1_macro", "accuracy", "roc_auc", "log_loss"),
    "regress": ("rmse", "mae", "r2"),
    "translate": ("bleu", "chrf", "exact_match", "cer"),
    "transcribe": ("wer", "cer", "exact_match"),
    "language": ("nats_per_char", "bits_per_char", "perplexity"),
    "forecast": ("mase", "owa", "smape", "mae", "coverage_90"),
    "autoencode": ("mse", "explained_variance", "roc_auc", "adjusted_rand", "log_likelihood"),
    "gan": (*JUDGED, "generated_precision", "generated_recall", "as_asked", "mae", "psnr", "cycle_error"),
    "diffusion": (*JUDGED, "generated_precision", "generated_recall", "as_asked"),
}
ALIASES = {"class": "classify", "numbers": "regress", "text": "translate", "transcript": "transcribe"}
"""The kinds of target (transforms/targets.py) by the task that they belong to."""


def headline(task: str) -> list[str]:
    """The metrics shown first; the first of them is the one that models are compared by.

    task  classify, labels (several labels a row) or regress; also the target kinds class and numbers.
    """
    name = ALIASES.get(task, task)
    if name not in HEADLINE:
        known = [*HEADLINE, *ALIASES]
        raise RecipeError(
            "task",
            "must be a task whose metrics are known",
            found=repr(task),
            cause=did_you_mean(task, known),
            available=nearest(task, known),
        )
    return list(HEADLINE[name])


def higher_is_better(name: str) -> bool:
    """Whether a larger value of the metric is better. A prefix such as `validation_` is ignored."""
    if name not in METRICS and "_" in name:
        for prefix in ("validation_", "train_", "test_"):
            name = name.removeprefix(prefix)
    if name not in METRICS:
        raise RecipeError(
            "metric",
            "must be a metric that is known",
            found=repr(name),
            cause=did_you_mean(name, METRICS),
            available=nearest(name, METRICS),
        )
    return METRICS[name].higher
