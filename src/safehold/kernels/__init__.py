"""Numerical kernels compiled by numba, each with a plain numpy reference beside it.

`accelerate.kernel` is the only decorator: it imports numba on first use, so that importing
this package costs nothing.
"""
