"""As much of Slurm's commands as submitit uses, for a machine without a queue: an array's jobs run here, one by one."""

import os
import re
import subprocess
import sys
from pathlib import Path

JOB = "4711"


def sbatch(queue: Path, script: str) -> None:
    text = Path(script).read_text()
    (queue / "sent.sh").write_text(text)
    first, last = map(int, re.search(r"--array=(\d+)-(\d+)", text).groups())
    for task in range(first, last + 1):
        env = {
            **os.environ,
            "SLURM_JOB_ID": f"{int(JOB) + task}",
            "SLURM_ARRAY_JOB_ID": JOB,
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_LOCALID": "0",
            "SLURM_PROCID": "0",
            "SLURM_NODEID": "0",
            "SLURM_NTASKS": "1",
            "SLURM_JOB_NUM_NODES": "1",
            "SLURM_NNODES": "1",
            "SLURM_NODELIST": "here",
            "SLURM_JOB_NODELIST": "here",
        }
        subprocess.run(["sh", script], env=env, check=False, stdout=subprocess.DEVNULL)
    print(f"Submitted batch job {JOB}")


def srun(words: list[str]) -> int:
    start = next(i for i, word in enumerate(words) if Path(word).name.startswith("python"))
    return subprocess.run(words[start:], check=False).returncode


def main() -> int:
    queue = Path(os.environ["SLURM_HERE"])
    queue.mkdir(exist_ok=True)
    command, *words = sys.argv[1:]
    if command == "sbatch":
        sbatch(queue, words[-1])
    elif command == "srun":
        return srun(words)
    elif command == "sacct":
        print("JobID|State|NodeList")
        for task in range(16):
            print(f"{JOB}_{task}|COMPLETED|here")
    return 0


if __name__ == "__main__":
    sys.exit(main())
