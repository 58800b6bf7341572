#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a VM with the program clocks in it, and stops the whole VMM for a second while that reads its clocks.
#   clocks-stall.sh SCRATCH VITRINE INITRD WORD…
scratch=$1 vitrine=$2 initrd=$3
shift 3
: > "$scratch/console"
"$vitrine" run --memory 128M --initrd "$initrd" --cmdline "quiet init=/labs/start -- clocks $*" \
	> "$scratch/console" < /dev/null &
vm=$!
tries=0
until grep -q 'clocks: go' "$scratch/console" || [ $tries = 200 ]; do
	sleep 0.2
	tries=$((tries + 1))
done
sleep 0.5
kill -STOP $vm
sleep 1
kill -CONT $vm
wait $vm
status=$?
cat "$scratch/console"
exit $status
