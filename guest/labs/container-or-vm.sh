#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The same program three times: bare, in namespaces, in a VM. How long until its first line, and how much memory
# belongs to it and to what had to be started for it.
#
#   container-or-vm.sh VITRINE GUEST INITRD ROUNDS
set -eu
vitrine=$1
guest=$2
initrd=$3
rounds=$4
program=$(command -v container-or-vm)
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# start WORLD ARGUMENTS: the command that makes the world, with the program in it.
start() {
	case $1 in
	bare) exec "$program" "$@" ;;
	namespaces) exec unshare --user --map-root-user --pid --fork --mount-proc --uts --ipc --net "$program" "$@" ;;
	vm)
		exec "$vitrine" run --memory 64M --kernel "$guest" --initrd "$initrd" \
			--cmdline "quiet init=/labs/start -- container-or-vm $*" </dev/null
		;;
	esac
}

# The process and all below it.
family() {
	echo "$1"
	cat "/proc/$1/task/"*/children 2>/dev/null | tr ' ' '\n' | while read -r child; do
		[ -z "$child" ] || family "$child"
	done
}

for world in bare namespaces vm; do
	best=
	for _ in $(seq "$rounds"); do
		begin=$("$program" -c)
		# the time at which the first line comes
		now=$(start "$world" "$world" | { read -r _; "$program" -c; cat >/dev/null; })
		took=$((now - begin))
		if [ -z "$best" ] || [ "$took" -lt "$best" ]; then best=$took; fi
	done
	(start "$world" "$world" -w 1500) >"$output" &
	job=$!
	for _ in $(seq 200); do
		grep -q '^lab: sees' "$output" && break
		sleep 0.1
	done
	private=0
	for process in $(family $job); do
		kib=$(awk '/^Pss:/ { print $2 }' "/proc/$process/smaps_rollup" 2>/dev/null || true)
		private=$((private + ${kib:-0}))
	done
	wait $job
	cat "$output"
	echo "$world: $best us to its first line, $private KiB of memory"
	echo "lab: cost world=$world us=$best kib=$private"
done
