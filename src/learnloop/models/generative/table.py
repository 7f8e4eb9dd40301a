"""`GENERATIVE_MODELS`: the networks that make data, by name; the first of a task is its default."""

from __future__ import annotations

from learnloop.models.generative.autoencoder import AutoencoderConfig, DeepAutoencoderConfig
from learnloop.models.generative.config import GenerativeConfig
from learnloop.models.generative.conv_autoencoder import ConvAutoencoderConfig
from learnloop.models.generative.conv_vae import ConvVAEConfig
from learnloop.models.generative.cyclegan import CycleGanConfig
from learnloop.models.generative.dcgan import DcganConfig
from learnloop.models.generative.ddpm import DDPMConfig
from learnloop.models.generative.denoising import DenoisingAutoencoderConfig
from learnloop.models.generative.dense_gan import DenseGanConfig
from learnloop.models.generative.pix2pix import Pix2PixConfig
from learnloop.models.generative.sparse import SparseAutoencoderConfig
from learnloop.models.generative.superres import SuperResConfig
from learnloop.models.generative.vae import VAEConfig

GENERATIVE_MODELS: dict[str, type[GenerativeConfig]] = {
    "autoencoder": AutoencoderConfig,
    "deep_autoencoder": DeepAutoencoderConfig,
    "conv_autoencoder": ConvAutoencoderConfig,
    "denoising_autoencoder": DenoisingAutoencoderConfig,
    "sparse_autoencoder": SparseAutoencoderConfig,
    "vae": VAEConfig,
    "conv_vae": ConvVAEConfig,
    "dcgan": DcganConfig,
    "dense_gan": DenseGanConfig,
    "pix2pix": Pix2PixConfig,
    "cyclegan": CycleGanConfig,
    "superres": SuperResConfig,
    "ddpm": DDPMConfig,
}
