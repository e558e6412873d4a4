"""Where original bytes and wrapped keys are kept, encrypted, write-once and durable."""
