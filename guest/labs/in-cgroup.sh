#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs a command in a control group of its own with one limit; version 1 or 2, as the host has it. For root.
#
#   in-cgroup.sh memory=BYTES|cpu=PERCENT|disk=BYTES_PER_S:FILE COMMAND…
set -eu
limit=${1#*=}
kind=${1%%=*}
shift
root=/sys/fs/cgroup
name=vitrine-lab-$$

# a small system may not have them in its tree yet
[ -d $root/memory ] || [ -e $root/cgroup.controllers ] || mount -t cgroup2 none $root

# make_group CONTROLLER: a group, by version 1 or 2; its folder in $group, the version in $version.
make_group() {
	if [ -d "$root/$1" ]; then
		version=1 group=$root/$1/$name
	elif grep -qw "${1#blk}" "$root/cgroup.controllers" 2>/dev/null; then
		version=2 group=$root/$name
		echo "+${1#blk}" >"$root/cgroup.subtree_control"
	else
		echo "in-cgroup: this host lets us have no control group for $1" >&2
		exit 3
	fi
	mkdir "$group"
	trap 'rmdir "$group"' EXIT
}

put() {
	echo "$2" >"$group/$1"
}

case $kind in
memory)
	make_group memory
	if [ $version = 1 ]; then put memory.limit_in_bytes "$limit"; else
		put memory.max "$limit"
		put memory.swap.max 0 2>/dev/null || true
	fi
	;;
cpu)
	make_group cpu
	if [ $version = 1 ]; then
		put cpu.cfs_period_us 100000
		put cpu.cfs_quota_us $((limit * 1000))
	else put cpu.max "$((limit * 1000)) 100000"; fi
	;;
disk)
	make_group blkio
	# the disk below the file system of the file, as MAJOR:MINOR; of a partition the whole disk
	device=$(stat -c %d "${limit#*:}")
	device=$((device >> 8)):$((device & 255))
	if [ ! -e "/sys/dev/block/$device" ]; then
		echo "in-cgroup: ${limit#*:} isn't on a disk, so nobody counts what is read from it"
		echo "lab: disk kib_per_s=0 note=\"not on a disk\""
		exit 0
	fi
	if [ -e "/sys/dev/block/$device/partition" ]; then
		device=$(cat "/sys/dev/block/$device/../dev")
	fi
	if [ $version = 1 ]; then put blkio.throttle.read_bps_device "$device ${limit%%:*}"; else
		put io.max "$device rbps=${limit%%:*}"; fi
	;;
esac
# shellcheck disable=SC2016 # the inner shell's own number
sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$group" "$@"
