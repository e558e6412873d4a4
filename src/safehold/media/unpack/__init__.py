"""Taking archives apart: zip, tar (plain, gzip, bzip2, xz) and single compressed files.

Archives are hostile, so they are parsed in a locked worker (`worker`), which sends each member
to the host as a sealed file in memory, one at a time. `session` is the host's side, `events`
what it gives; `zips`, `tars` and `streams` know the formats, `budget` keeps the bounds and
`names` makes labels of names. An archive within an archive is a member like any other: the
caller has it unpacked in turn, and counts the depth.
"""
