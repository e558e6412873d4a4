"""Every call to another machine: resolved once, pinned, bounded, never redirected."""
