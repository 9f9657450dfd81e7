#!/usr/bin/env bash
# End what start_slurm.sh started in a folder: stop_slurm.sh FOLDER. Jobs are cancelled first. The folder stays.
set -uo pipefail

folder=$(realpath -m "$1")
export SLURM_CONF="$folder/slurm.conf"

if [ -e "$folder/pids/slurmctld" ] && kill -0 "$(cat "$folder/pids/slurmctld")" 2>/dev/null; then
    timeout 10 scancel --user="$(id -un)" || true
    sleep 1
fi
for name in slurmd slurmctld slurmdbd mariadb munged; do
    file="$folder/pids/$name"
    [ -e "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null
    rm -f "$file"
done
if [ "$(readlink /run/slurm/conf)" = "$folder" ]; then
    rm /run/slurm/conf
    rmdir --ignore-fail-on-non-empty /run/slurm
fi
exit 0
