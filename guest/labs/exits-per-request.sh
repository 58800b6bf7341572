#!/bin/sh
# SPDX-License-Identifier: MIT
#
# One VM for each disk and card; in each the guest's driver does some requests, and the trace of exits and the
# device's own counts tell what they cost.
#
#   exits-per-request.sh VITRINE REQUESTS
set -eu
vitrine=$1
requests=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
truncate -s 64M "$folder/disk.img"

# run COMMAND OPTIONS...: the guest runs one command of its prompt and switches off.
run() {
	command=$1
	shift
	"$vitrine" run --memory 64M --stats --trace "exits=$folder/trace" "$@" \
		--cmdline "quiet ide=single run=$command,$requests off" \
		</dev/null >"$folder/console" 2>"$folder/stats" || {
		cat "$folder/console" "$folder/stats" >&2
		return 1
	}
}

# report NAME DEVICE QUEUE MARK IN-TRACE: rows. DEVICE is its name in the trace, QUEUE the line of the statistics
# that counts requests; MARK begins a request in the trace; IN-TRACE 1: its kicks are exits to the VMM, too.
report() {
	awk -v name="$1" -v device="$2" -v queue="$3" -v mark="$4" -v traced="$5" '
	function number(text) { gsub(",", "", text); return text + 0 }
	FILENAME ~ /trace$/ {
		if ($5 != device) next
		# "(0x1f0/2 x 256)": one exit, 256 accesses
		repeated = match($0, / x [0-9]+\)/) ? substr($0, RSTART + 3, RLENGTH - 4) : 1
		accesses += repeated
		if ($0 ~ mark) begun = 1
		if (!begun) next
		lines++
		register[$4 " " $6]++
		next
	}
	/^devices/ { table = "devices" }
	/^queues/ { table = "queues" }
	/^KVM/ { table = "" }
	table == "devices" && $2 ~ /^\[/ && $1 ~ /^(ide0|net0|disk0)$/ { served += number($3) + number($4) }
	table == "queues" && $0 ~ /: [0-9,]+ requests/ {
		mine = index($0, queue)
		if (mine) { split(substr($0, index($0, ": ") + 2), word, " "); requests = number(word[1]) }
	}
	table == "queues" && mine && / kicks / { kicks = number($1); interrupts = number($0 ~ /suppressed; / ? substr($0, index($0, "; ") + 2) : 0) }
	END {
		deferred = served > accesses ? served - accesses : 0
		printf "%-11s %4d requests: for each %6.2f exits to the VMM, %5.2f kicks, %6.2f kept in KVM, %5.2f interrupts\n",
			name, requests, lines / requests, traced ? 0 : kicks / requests, deferred / requests, interrupts / requests
		printf "lab: exits device=%s requests=%d vmm=%.2f kick=%.2f kept=%.2f interrupts=%.2f total=%.2f\n",
			name, requests, lines / requests, traced ? 0 : kicks / requests, deferred / requests,
			interrupts / requests, (lines + (traced ? 0 : kicks) + deferred) / requests
		for (r in register) {
			split(r, part, " ")
			printf "lab: register device=%s reason=%s register=%s each=%.2f\n", name, part[1], part[2],
				register[r] / requests
		}
	}' "$folder/trace" "$folder/stats"
}

run diskbench,hda --disk "$folder/disk.img,model=ide-pio"
report ide-pio ide0 'piix3-ide, channel 0' 'COMMAND .* = 0x20' 1
echo "One request of ide-pio, 4 KiB, each exit:"
awk '/COMMAND .* = 0x20/ { seen++ } seen == 4 { sub(/ *rip.*/, ""); sub(/^[0-9]+ */, "  "); print }' "$folder/trace" |
	head -40
run diskbench,hda --disk "$folder/disk.img,model=ide-dma"
report ide-dma ide0 'piix3-ide, channel 0' 'COMMAND .* = 0xc8' 0
run diskbench,vda --disk "$folder/disk.img"
report virtio-blk disk0 'virtio-pci, queue 0' 'nothing' 0
run netbench,eth0 --net user,model=ne2k
report ne2000 net0 'ne2000, transmit' 'CR .* = 0x26' 1
run netbench,eth0 --net user,model=e1000
report e1000 net0 'e1000, transmit' 'TDT' 1
run netbench,eth0 --net user
report virtio-net net0 'virtio-pci, send 0' 'nothing' 0
