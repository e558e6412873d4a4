"""Who asks: services, their API keys with scopes, and their budgets."""
