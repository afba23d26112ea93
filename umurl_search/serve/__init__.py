"""The local web application: a page, and an HTTP API that gives the command line's documents."""
