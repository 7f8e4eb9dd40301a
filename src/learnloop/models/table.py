"""`MODELS`: every model by name. A foreign one is an import path, `package.module:Name`."""

from __future__ import annotations

from typing import cast

from torch import nn

from learnloop.config import Config
from learnloop.errors import RecipeError, did_you_mean, nearest
from learnloop.models.alexnet import AlexNetConfig
from learnloop.models.blend import BlendConfig
from learnloop.models.bow import BagOfWordsConfig
from learnloop.models.cnn import CNNConfig
from learnloop.models.cnn3 import CNN3Config
from learnloop.models.config import FITTING, ModelConfig
from learnloop.models.ctc import CTCNetConfig
from learnloop.models.efficientnet import (
    EfficientNetB0Config,
    EfficientNetB1Config,
    EfficientNetB2Config,
    EfficientNetB3Config,
)
from learnloop.models.fastnet import FastNetConfig
from learnloop.models.hf import HFConfig
from learnloop.models.lenet import LeNet5Config
from learnloop.models.linear import LinearConfig
from learnloop.models.mini_resnet import MiniResNetConfig
from learnloop.models.mlp import MLPConfig
from learnloop.models.own import import_object, own_class
from learnloop.models.perceptron import PerceptronConfig
from learnloop.models.recurrent import GRUConfig, LSTMConfig, RNNConfig
from learnloop.models.resnet import (
    ResNet18Config,
    ResNet34Config,
    ResNet50Config,
    ResNet101Config,
    ResNet152Config,
)
from learnloop.models.seq2seq import Seq2SeqConfig
from learnloop.models.tabular import TabularConfig
from learnloop.models.textcnn import TextCNNConfig
from learnloop.models.transformer import TransformerConfig
from learnloop.models.translator import TranslatorConfig
from learnloop.models.vgg import (
    VGG11BNConfig,
    VGG11Config,
    VGG13BNConfig,
    VGG13Config,
    VGG16BNConfig,
    VGG16Config,
    VGG19BNConfig,
    VGG19Config,
)

MODELS: dict[str, type[ModelConfig]] = {
    "perceptron": PerceptronConfig,
    "linear": LinearConfig,
    "mlp": MLPConfig,
    "tabular": TabularConfig,
    "lenet5": LeNet5Config,
    "cnn": CNNConfig,
    "cnn3": CNN3Config,
    "fastnet": FastNetConfig,
    "mini_resnet": MiniResNetConfig,
    "alexnet": AlexNetConfig,
    "vgg11": VGG11Config,
    "vgg11_bn": VGG11BNConfig,
    "vgg13": VGG13Config,
    "vgg13_bn": VGG13BNConfig,
    "vgg16": VGG16Config,
    "vgg16_bn": VGG16BNConfig,
    "vgg19": VGG19Config,
    "vgg19_bn": VGG19BNConfig,
    "resnet18": ResNet18Config,
    "resnet34": ResNet34Config,
    "resnet50": ResNet50Config,
    "resnet101": ResNet101Config,
    "resnet152": ResNet152Config,
    "efficientnet_b0": EfficientNetB0Config,
    "efficientnet_b1": EfficientNetB1Config,
    "efficientnet_b2": EfficientNetB2Config,
    "efficientnet_b3": EfficientNetB3Config,
    "blend": BlendConfig,
    "bow": BagOfWordsConfig,
    "textcnn": TextCNNConfig,
    "rnn": RNNConfig,
    "lstm": LSTMConfig,
    "gru": GRUConfig,
    "transformer": TransformerConfig,
    "seq2seq": Seq2SeqConfig,
    "translator": TranslatorConfig,
    "ctc": CTCNetConfig,
    "hf": HFConfig,
}

_NEEDED = ("inputs", "title", "numbers", "rule", "build", "suggest")


def default_model(kind: str) -> str:
    """The name of the model that suits a kind of input ("table", "image") when none is asked for."""
    return FITTING[kind][0]


def find_model(name: str) -> type[ModelConfig]:
    """The config class for `name`: a key of MODELS, or `package.module:Name`.

    The import path may name a Config with the members of `ModelConfig`, or an `nn.Module` class, which is
    then wrapped (`learnloop.models.own.OwnConfig` says what it is constructed with). Raises RecipeError.
    """
    if name in MODELS:
        return MODELS[name]
    if ":" not in name:
        raise RecipeError(
            "--model",
            "must be the name of a model, or an import path package.module:Name",
            found=repr(name),
            cause=did_you_mean(name, MODELS),
            available=nearest(name, MODELS),
        )
    found = import_object(name)
    if isinstance(found, type) and issubclass(found, nn.Module):
        return own_class(name)
    missing = [member for member in _NEEDED if not hasattr(found, member)]
    if not (isinstance(found, type) and issubclass(found, Config)) or missing:
        raise RecipeError(
            f"model {name}",
            "must be an nn.Module class, or a learnloop.config.Config class with " + ", ".join(_NEEDED),
            found=f"a {type(found).__name__}" + (f" without {', '.join(missing)}" if missing else ""),
        )
    return cast(type[ModelConfig], found)
