"""The subject's equations as readable NumPy, one idea a file: forward and a derivative derived by hand.

It imports NumPy and nothing else, and nothing but tests, docs and `learnloop explain` imports it: it is the reference
that the real engine is tested against, not a second engine.
"""
