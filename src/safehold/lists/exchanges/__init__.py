"""Where lists are shared: each module builds the requests and parses the answers of one kind."""
