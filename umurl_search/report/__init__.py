"""One page that shows an encoder, an index and their figures."""
