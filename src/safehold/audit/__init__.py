"""The audit log: append-only, hash-chained, with ids only, and signed checkpoints."""
