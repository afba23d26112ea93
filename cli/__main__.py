"""`python -m cli` is the command `umurl-search`."""

from cli.main import main

main()
