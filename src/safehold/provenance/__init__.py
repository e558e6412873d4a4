"""What a file says of its own making: read within bounds, never believed, never required.

`walkers` find every piece of metadata, `generators` and `standards` read claims from them,
`watermarks` read claims from pixels, and `read` joins them.
"""
