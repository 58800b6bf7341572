#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts a VM whose program prints its guest addresses and waits, and looks for the same byte from the host.
#
#   four-addresses.sh VITRINE GUEST INITRD FOLDER      FOLDER: for what passes between them
set -e
mkfifo "$4/keys"
"$1" run -v --memory 64M --no-reboot --timeout 60 --initrd "$3" \
	--cmdline 'quiet init=/labs/start -- four-addresses guest' "$2" < "$4/keys" > "$4/console" 2> "$4/vmm" &
vm=$!
exec 3> "$4/keys"
trap 'kill $vm 2> /dev/null || :' EXIT
until grep -q '^ready' "$4/console"; do
	kill -0 $vm
	sleep 0.1 2> /dev/null || sleep 1
done
grep -v '^ready' "$4/console"
sed -n 's/^vitrine: RAM/the VMM says: RAM/p' "$4/vmm"
hva=$(sed -n 's/.*guest physical 0 to .* host virtual //p' "$4/vmm")
gpa=$(sed -n 's/^lab: guest size=4K .*gpa=//p' "$4/console" | tr -d '\r')
four-addresses host $vm "$gpa" "$hva"
echo >&3
wait $vm || :
