"""How files reach the disk whole: atomic writes, and folders sealed with a manifest of hashes."""
