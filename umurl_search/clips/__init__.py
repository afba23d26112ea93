"""One clip in memory: its frames, who is in it, how it is normalised, what its name says."""
