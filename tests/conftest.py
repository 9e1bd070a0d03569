"""One thread everywhere: two busy threads on a busy machine are slower than one, and child processes obey as well."""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
