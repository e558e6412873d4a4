"""Reading pictures: what a file is, its pixels within bounds, and the sandbox that decodes.

`sniff` names the type by content, `decode` gives pixels, `limits` holds every bound, and
`sandbox` runs decoders in worker processes that can touch nothing.
"""
