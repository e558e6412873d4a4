"""What generators write into their files, a module for each family."""
