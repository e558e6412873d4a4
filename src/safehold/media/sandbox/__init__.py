"""Worker processes that can touch nothing, and the host's side of them.

`interface` has the options and results, `pool` the host's `WorkerPool`, `launcher` the host's
hold on the zygote. `zygote` and `worker` run on the other side; `lockdown`, `seccomp` and
`landlock` take a worker's powers away; `protocol` is what the two sides say to each other.
"""
