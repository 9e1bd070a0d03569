"""Where a run's options come from: schemas, shipped files, a user's own folder, an experiment, the command line."""
