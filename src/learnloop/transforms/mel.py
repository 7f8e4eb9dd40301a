"""Log-mel features of sound: what a short-time Fourier transform hears, in bands as wide as the ear's."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

FLOOR = 1e-6
"""Power below which nothing is told apart: the logarithm of silence must be a number."""


def mel(hertz: np.ndarray | float) -> np.ndarray:
    """m = 2595 log10(1 + f / 700), f in Hz.

    O'Shaughnessy, "Speech Communication: Human and Machine" (1987), section 4.3; the form that HTK uses.
    """
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0))


def hertz(mels: np.ndarray | float) -> np.ndarray:
    """f = 700 (10^(m / 2595) - 1), the inverse of `mel`."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mels) / 2595.0) - 1.0))


def filterbank(bands: int, bins: int, rate: int, low: float, high: float) -> np.ndarray:
    """w[k, b] = max(0, min((f_k - c_b) / (c_b+1 - c_b), (c_b+2 - f_k) / (c_b+2 - c_b+1))), float64 [bins, bands].

    c    bands + 2 frequencies at equal distances on the mel scale, from `low` to `high` Hz
    f_k  k rate / (2 (bins - 1)), the frequency of bin k of a Fourier transform of 2 (bins - 1) samples
    A triangle rises from one centre to the next and falls to the one after it; Davis and Mermelstein, "Comparison of
    Parametric Representations for Monosyllabic Word Recognition", IEEE Trans. ASSP 28 (1980), figure 1.
    """
    centres = hertz(np.linspace(mel(low), mel(high), bands + 2))  # [bands + 2]
    frequencies = np.linspace(0.0, rate / 2, bins)[:, None]  # [bins, 1]
    rising = (frequencies - centres[:-2]) / (centres[1:-1] - centres[:-2])  # [bins, bands]
    falling = (centres[2:] - frequencies) / (centres[2:] - centres[1:-1])  # [bins, bands]
    return np.maximum(0.0, np.minimum(rising, falling))


def frames_of(samples: Tensor, hop: int) -> Tensor:
    """ceil(samples / hop): frames of a recording; frame t is centred at sample t hop, which is inside of it."""
    return -(-samples // hop)


def log_mel(audio: Tensor, filters: Tensor, window: int, hop: int) -> Tensor:
    """log(max(|STFT(audio)|^2 @ filters, FLOOR)), float [rows, frames, bands].

    audio    float [rows, samples], 0 behind the end of a row
    filters  float [bins, bands] of `filterbank`; the transform has 2 (bins - 1) points
    window   samples under one Hann window, periodic; hop: samples from one to the next

    Zeros stand before and behind a recording, so that its frames do not depend on the rows beside it.
    """
    points = 2 * (filters.shape[0] - 1)
    frames = -(-audio.shape[1] // hop)
    wide = torch.nn.functional.pad(audio, (points // 2, points // 2 + hop))  # [rows, samples + points + hop]
    hann = torch.hann_window(window, dtype=audio.dtype)
    spectrum = torch.stft(wide, points, hop, window, hann, center=False, return_complex=True)  # [rows, bins, more]
    power = spectrum[..., :frames].abs().square().transpose(1, 2)  # [rows, frames, bins]
    return (power @ filters).clamp_min(FLOOR).log()  # [rows, frames, bands]
