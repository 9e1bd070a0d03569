"""Hydra configs: YAML that states only what differs from the defaults of the schemas in ``crossrec.config``."""
