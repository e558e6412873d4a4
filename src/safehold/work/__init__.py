"""What runs when it is due: webhooks, alarms, canaries, checkpoints, retention."""
