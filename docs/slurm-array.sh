#!/usr/bin/env bash
#SBATCH --job-name=extract
#SBATCH --array=0-7
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=32
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@60
#SBATCH --output=extract-%A-%a.log

# Eight tasks, each on a machine of its own or not, write one cache:
#
#     sbatch docs/slurm-array.sh --finetune CHECKPOINT --data-path FOLDER --output-dir CACHE
#
# A task that was lost or ran out of time is submitted again alone, as with `sbatch --array=5 ...`, and goes on where it
# was. To use another number of tasks, change it here and in --array above.

set -euo pipefail
world_size=8

# exec: Slurm's warning before the end of the time is for extract, which then stops between two images.
exec extract tokens --rank "$SLURM_ARRAY_TASK_ID" --world-size "$world_size" \
  --num-workers "${SLURM_CPUS_PER_TASK:-1}" "$@"
