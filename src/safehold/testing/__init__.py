"""Drawn pictures, everyday edits and damaged files, for the tests, the demo and the benchmarks.

Nothing here is a photograph of a person or comes from a network: every picture is drawn by
code from a seed, or is one of the benign samples that scikit-image ships in its wheel.
"""
