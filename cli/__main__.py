"""`python -m cli` is the command `umurl-search`."""

from cli.main import main

if __name__ == "__main__":
    main()
