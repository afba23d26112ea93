"""One folder on disk: the catalog, clip stores and encoders, and who may change them."""
