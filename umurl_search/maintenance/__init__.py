"""Looking after a library: what is in it, verifying, repairing, compacting."""
