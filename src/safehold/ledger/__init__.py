"""What was generated here: a record of every released picture, and of what was refused."""
