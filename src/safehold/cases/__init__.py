"""What is held: cases, their occurrences, evidence, decisions and statements."""
