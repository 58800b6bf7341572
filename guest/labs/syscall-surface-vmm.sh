#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The system calls of the host that Vitrine makes while a guest runs: all of the host's kernel that a guest can
# reach through it.
#
#   syscall-surface-vmm.sh VITRINE INITRD
set -eu
calls=$(mktemp)
trap 'rm -f "$calls"' EXIT
timeout 60 strace -f -o "$calls" "$1" run --memory 64M --initrd "$2" \
	--cmdline 'quiet init=/labs/start -- /bin/uname -a' </dev/null >/dev/null
# Lines are "PID NAME(…" or "PID <... NAME resumed>…".
awk '
/KVM_RUN/ { runs = 1 }
$2 ~ /^[a-z_0-9]+\(/ { name = $2; sub(/\(.*/, "", name); all[name]++; if (runs) running[name]++ }
$2 == "exit_group(0)" { exit }
END {
	for (name in all) total++
	for (name in running) { now++; list = list " " name }
	printf "vmm          %4u system calls in all, %u of them once the guest runs:%s\n", total, now, list
	printf "lab: surface world=vmm calls=%u\nlab: surface world=vmm-running calls=%u\n", total, now
}' "$calls"
