"""The gate before a generation service's output: it withholds, and releases what was checked.

It generates nothing and drives no generator of its own will: what callers ask for goes on where
the operator's rules let it, and what comes back is released by verdict on the exact bytes.
"""
