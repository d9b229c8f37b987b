#!/bin/bash
# Run a command beside a SLURM of one node, in a network of its own: slurm_alone.sh FOLDER COMMAND...
# Inside: `unshare --net --pid --fork --kill-child bash slurm_alone.sh ...`, as root.
set -euo pipefail
place=$1
shift
ip link set lo up
# Names are looked up only where some address is none of 127.*.
ip addr add 10.255.0.1/32 dev lo
mkdir -p "$place"/{state,spool,run}
chmod 755 "$place"
dd if=/dev/urandom of="$place/munge.key" bs=128 count=1 status=none
chmod 600 "$place/munge.key"
cat > "$place/slurm.conf" <<CONF
ClusterName=alone
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$place/munge.socket
CryptoType=crypto/munge
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/run/slurmctld.pid
SlurmdPidFile=$place/run/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
GresTypes=gpu
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000 Gres=gpu:1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
echo "NodeName=$(hostname) Name=gpu File=/dev/null" > "$place/gres.conf"
export SLURM_CONF=$place/slurm.conf
munged --force --key-file="$place/munge.key" --socket="$place/munge.socket" \
    --log-file="$place/munged.log" --pid-file="$place/run/munged.pid" \
    --seed-file="$place/munged.seed"
slurmctld
slurmd
for _ in $(seq 100); do
    if sinfo -h -o %T 2> /dev/null | grep -q idle; then break; fi
    sleep 0.2
done
"$@"
