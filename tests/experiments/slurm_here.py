"""As much of Slurm's commands as submitit uses, for a machine without a queue: an array's jobs run here, one by one."""

import os
import re
import subprocess
import sys
from pathlib import Path

JOB = "4711"


def sbatch(queue: Path, script: str) -> None:
    """Take a script; its jobs begin after this has answered, for they wait for what the answer leads to."""
    (queue / "sent.sh").write_text(Path(script).read_text())
    subprocess.Popen(
        [sys.executable, __file__, "array", str(queue / "sent.sh")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    print(f"Submitted batch job {JOB}")


def array(queue: Path, script: str) -> None:
    first, last = map(int, re.search(r"--array=(\d+)-(\d+)", Path(script).read_text()).groups())
    here = {"JOB_NODELIST": "here", "NODELIST": "here", "NNODES": "1", "NTASKS": "1", "JOB_NUM_NODES": "1"}
    here |= {"LOCALID": "0", "PROCID": "0", "NODEID": "0", "ARRAY_JOB_ID": JOB}
    for task in range(first, last + 1):
        own = here | {"JOB_ID": f"{int(JOB) + task}", "ARRAY_TASK_ID": str(task)}
        subprocess.run(["sh", script], env={**os.environ, **{f"SLURM_{k}": v for k, v in own.items()}}, check=False)
    (queue / "done").touch()


def main() -> int:
    queue = Path(os.environ["SLURM_HERE"])
    queue.mkdir(exist_ok=True)
    command, *words = sys.argv[1:]
    if command == "sbatch":
        sbatch(queue, words[-1])
    elif command == "array":
        array(queue, words[-1])
    elif command == "srun":
        start = next(i for i, word in enumerate(words) if Path(word).name.startswith("python"))
        return subprocess.run(words[start:], check=False).returncode
    elif command == "sacct":
        print("JobID|State|NodeList")
        for task in range(16):
            print(f"{JOB}_{task}|{'COMPLETED' if (queue / 'done').exists() else 'RUNNING'}|here")
    return 0


if __name__ == "__main__":
    sys.exit(main())
