"""People's work on cases: locks, views, decisions, what needs two people, legal holds, figures."""
