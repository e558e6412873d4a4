"""Previews: small, marked pictures without metadata, made anew in a keyless worker.

`render` is the job and runs in the sandbox; `jpeg` and `answer` are what its host needs, and
load no decoder.
"""
