"""Items from many calls at once, through workers, lists and policy to their records.

What the doors that answer calls share: `server` (uploads) and `gate` (generation services).
"""
