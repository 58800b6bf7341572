#!/bin/sh
# SPDX-License-Identifier: MIT
# A VM of two vCPUs whose threads on the host are pinned, or not.
#
#   pinning-vm.sh floating|each|together VITRINE INITRD MS
#
# each: vCPU n on CPU n; together: both on CPU 0. Says, too, how often a vCPU was seen on another CPU than before.
set -eu
how=$1 vitrine=$2 initrd=$3 ms=$4

"$vitrine" run --memory 128M --cpus 2 --initrd "$initrd" --cmdline "quiet init=/labs/start -- two-levels -t $ms" &
vm=$!
trap 'kill $vm 2> /dev/null || :' EXIT

threads=
while [ -z "$threads" ]; do
	kill -0 $vm
	threads=$(grep -l '^vcpu [01]$' /proc/$vm/task/*/comm 2> /dev/null | cut -d/ -f5) || :
	[ "$(echo "$threads" | wc -w)" = 2 ] || threads=
done

cpu=0
for thread in $threads; do
	case $how in
	each) taskset -p $((1 << cpu)) "$thread" ;;
	together) taskset -p 1 "$thread" ;;
	esac > /dev/null
	cpu=$((cpu + 1))
done

# Field 39 of /proc/…/stat is the CPU on which a thread ran last.
moves=0 before=
while kill -0 $vm 2> /dev/null; do
	now=
	for thread in $threads; do
		now="$now $(cut -d' ' -f39 "/proc/$vm/task/$thread/stat" 2> /dev/null || :)"
	done
	[ -z "$before" ] || [ "$now" = "$before" ] || moves=$((moves + 1))
	before=$now
	sleep 0.02
done
status=0
wait $vm || status=$?
trap - EXIT
echo "lab: moves how=$how seen=$moves"
exit $status
