"""What an operator lets nobody ask for: terms, models, and what moderation endpoints say."""
