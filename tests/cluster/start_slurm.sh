#!/usr/bin/env bash
# A SLURM of one node on this host, with accounting, in a folder of its own: start_slurm.sh FOLDER
#
# For tests. Installs Debian's packages when they are missing (that needs root), takes this host's cores and memory
# for the node, and starts munged, MariaDB, slurmdbd, slurmctld and slurmd without systemd and without cgroups.
# A job that takes more memory than it asked for is killed (JobAcctGatherParams=OverMemoryKill).
#
# Everything is in FOLDER: a short path (Unix sockets allow 107 characters) that nobody else can write to. All ports are
# those from $SLURM_TEST_PORT (default 26817) on, on 127.0.0.1. Commands find the cluster by /run/slurm/conf, where they look
# on nodes without /etc/slurm/slurm.conf and which is linked to FOLDER. $SLURM_CONF alone would not do: Snakemake's plugin
# takes it out of the environment of its job steps. stop_slurm.sh FOLDER ends what this started and removes the link.
set -euo pipefail

if [ $# -ne 1 ]; then
    echo "start_slurm.sh: expected one argument, the folder to start SLURM in, found $#" >&2
    exit 2
fi
folder=$(realpath -m "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
port=${SLURM_TEST_PORT:-26817}
export PATH="$PATH:/usr/sbin:/sbin" # slurmctld, slurmd, slurmdbd, munged
export SLURM_CONF="$folder/slurm.conf"          # of the daemons

if [ -e "$folder/pids" ]; then
    echo "start_slurm.sh: $folder is in use; expected a new folder (stop_slurm.sh $folder ends what runs there)" >&2
    exit 2
fi
for file in /etc/slurm/slurm.conf /run/slurm/conf/slurm.conf; do
    if [ -e "$file" ]; then
        echo "start_slurm.sh: $file: this host belongs to a cluster; expected one that does not" >&2
        exit 2
    fi
done
for program in slurmctld slurmd slurmdbd munged mariadbd sacct squeue; do
    if ! command -v "$program" >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            slurm-wlm slurmdbd munge mariadb-server >/dev/null
        break
    fi
done

host=$(hostname -s)
user=$(id -un)
read -r cpus memory_mb < <(slurmd -C | sed -n 's/.* CPUs=\([0-9]*\) .* RealMemory=\([0-9]*\).*/\1 \2/p')

mkdir -p "$folder"/{pids,state,spool,log,munge,database}
chmod 755 "$folder" "$folder/munge"

cat >"$folder/slurm.conf" <<END
ClusterName=onenode
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/pids/slurmctld
SlurmdPidFile=$folder/pids/slurmd
SlurmctldLogFile=$folder/log/slurmctld
SlurmdLogFile=$folder/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=1,sched_interval=2
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((port + 2))
AccountingStoragePass=$folder/munge/socket
AccountingStoreFlags=job_comment
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory_mb State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
END

cat >"$folder/slurmdbd.conf" <<END
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((port + 2))
SlurmUser=$user
LogFile=$folder/log/slurmdbd
PidFile=$folder/pids/slurmdbd
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((port + 3))
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
END
chmod 600 "$folder/slurmdbd.conf"

# `until` of a service: the command that succeeds once it answers.
wait_for() {
    local name=$1 seconds=60
    shift
    until "$@" >/dev/null 2>&1; do
        if [ $((seconds -= 1)) -eq 0 ]; then
            echo "start_slurm.sh: $name does not answer; the end of its log:" >&2
            tail -n 20 "$folder/log/$name" >&2 || true
            exit 1
        fi
        sleep 1
    done
}
mkdir -p /run/slurm
ln -s "$folder" /run/slurm/conf
# What was started is ended again when the start fails.
trap '"$here/stop_slurm.sh" "$folder"' ERR EXIT

dd if=/dev/urandom of="$folder/munge/key" bs=128 count=1 status=none
chmod 600 "$folder/munge/key"
munged --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/pids/munged" \
    --seed-file="$folder/munge/seed" --log-file="$folder/log/munged" --force

mysql_install_db --no-defaults --user="$user" --datadir="$folder/database" \
    --auth-root-authentication-method=normal --skip-test-db >"$folder/log/mariadb" 2>&1
mariadbd --no-defaults --user="$user" --datadir="$folder/database" --socket="$folder/database/socket" \
    --bind-address=127.0.0.1 --port=$((port + 3)) --pid-file="$folder/pids/mariadb" \
    --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 >>"$folder/log/mariadb" 2>&1 &
sql() { mysql --no-defaults --socket="$folder/database/socket" --user=root "$@"; }
wait_for mariadb sql --execute="SELECT 1"
sql --execute="CREATE DATABASE slurm; CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'slurm';
    CREATE USER slurm@localhost IDENTIFIED BY 'slurm'; GRANT ALL ON slurm.* TO slurm@'127.0.0.1', slurm@localhost"

slurmdbd
wait_for slurmdbd sacctmgr --noheader show cluster
slurmctld -c -f "$folder/slurm.conf"
wait_for slurmctld scontrol ping
slurmd -f "$folder/slurm.conf"
unset SLURM_CONF
wait_for slurmd sh -c "sinfo --noheader --format=%T | grep -q idle"

trap - ERR EXIT
sinfo --Node --long
