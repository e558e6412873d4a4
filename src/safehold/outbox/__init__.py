"""What goes out later: webhooks to services and alarms to the operator, by a durable outbox."""
