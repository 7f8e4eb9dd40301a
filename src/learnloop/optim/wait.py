"""How OpenMP's idle threads wait, which must be settled before torch is imported. Imports os and sys only.

The default of GNU's OpenMP (the one in torch's Linux wheels) is to spin for milliseconds at every barrier,
which is fine on an idle machine and ruinous on a shared one: measured on 2 cores, one epoch of a small CNN
takes 6.6 s quiet but 21 to 75 s with one other busy process; with GOMP_SPINCOUNT=1000 it takes 6.9 s and 13.9
s, with a passive wait 7.5 and 12.6.
"""

from __future__ import annotations

import os
import sys

SPINS = "1000"
"""Turns of the waiting loop before a thread sleeps: microseconds instead of milliseconds."""

_CHOICES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")
_held = ""


def bound_wait() -> str:
    """Bound the wait of OpenMP's threads for this process and its children, unless the user has chosen.
    Returns what holds.

    "bounded"                              the limit is set (now, or by an earlier call)
    "user: NAME=value"                     the user chose with that variable; nothing was touched
    "default (torch was imported first)"   too late: the pool reads its settings when torch is loaded
    """
    global _held
    if _held:
        return _held
    for name in _CHOICES:
        if name in os.environ:
            # a child of ours inherits what we set: that is no choice of the user's
            ours = name == "GOMP_SPINCOUNT" and os.environ.get("LEARNLOOP_WAIT") == os.environ[name]
            _held = "bounded" if ours else f"user: {name}={os.environ[name]}"
            return _held
    if "torch" in sys.modules:
        _held = "default (torch was imported first)"
        return _held
    os.environ["GOMP_SPINCOUNT"] = os.environ["LEARNLOOP_WAIT"] = SPINS
    _held = "bounded"
    return _held
