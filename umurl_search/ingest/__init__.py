"""From source files to a dataset of the library: reading, registering, adding, updating, removing."""
