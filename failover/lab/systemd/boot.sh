# Boots systemd in namespaces of its own: $1 is its directory, $2 the name of its control group. The network and, below it, the host name are those of
# whoever starts this. Nothing that it mounts or changes is seen from outside but $1/run, where its bus is.
set -eu
mount -t cgroup2 none "$1/cgroup"
mkdir -p "$1/cgroup/$2"
echo $$ >"$1/cgroup/$2/cgroup.procs" # the root of the namespace that begins below
exec unshare --cgroup --pid --fork --kill-child --mount --uts --ipc sh -euc '
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys # systemd would raise limits of the whole machine
mount -o remount,bind,ro /proc/sys
mount -t cgroup2 none /sys/fs/cgroup
mount --bind "$1/etc" /etc # it writes there
mount --bind "$1/run" /run
exec env -i PATH="$PATH" container=lab SYSTEMD_UNIT_PATH="$1/units" "$2" --system --show-status=no --log-target=null
' systemd "$1" "$3"
