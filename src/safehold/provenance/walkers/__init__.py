"""Finding every piece of metadata in a file, by its container's own structure.

A walker follows lengths and never guesses; what viewers are lenient about it goes on after. It
decodes no pixels and inflates no more than it is allowed to.
"""
