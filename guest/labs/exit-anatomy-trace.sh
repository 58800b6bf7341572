#!/bin/sh
# SPDX-License-Identifier: MIT
#
# From the trace of a run of exit-anatomy: one exit of each kind taken apart, and where the time goes.
#
#   exit-anatomy-trace.sh TRACE KERNEL      KERNEL.debug beside it gives names to addresses
set -eu
trace=$1
symbols=$2.debug

# The function of the guest's kernel that an address lies in. Addresses have 16 digits, so they sort as text.
function_at() {
	[ -r "$symbols" ] && command -v nm >/dev/null || return 0
	nm "$symbols" | sort | awk -v rip="${1#0x}" '$1 "" <= rip "" { name = $3 }
		END { print name == "kernel_end" ? "the hypercall page" : name "()" }'
}

# anatomy REASON PATTERN: of the exits in the longest row of lines that contain PATTERN.
anatomy() {
	line=$(grep -F "$2" "$trace" | sed -n 2p)
	rip=$(echo "$line" | sed 's/.*rip \(0x[0-9a-f]*\).*/\1/')
	in=$(function_at "$rip")
	echo "$1, one exit:"
	echo "$line" | sed 's/  */ /g; s/^/  /; s/ rip /\n    rip /; s/ rax /\n    rax /; s/ rsi /\n    rsi /'
	[ -z "$in" ] || echo "    that is in $in of the guest's kernel"
	grep -F "$2" "$trace" | awk -v reason="$1" '
	# us between the end of one exit and the beginning of the next
	NR > 1 { away[n++] = $2 - begun - took; vmm[n] = took }
	{ begun = $2; took = $3 }
	function median(values, count,    i, j, low) {
		for (i = 1; i < count; i++)
			for (j = i; j > 0 && values[j - 1] > values[j]; j--) {
				low = values[j]; values[j] = values[j - 1]; values[j - 1] = low
			}
		return values[int(count / 2)]
	}
	END {
		for (i = 0; i < n; i++) vmm[i] = vmm[i + 1]
		v = median(vmm, n)
		k = median(away, n)
		printf "  %d of them; of each %.2f us in the VMM, %.2f us on the way out, in KVM, on the way back and in the guest\n", n + 1, v, k
		printf "lab: anatomy reason=%s part=vmm us=%.3f\n", reason, v
		printf "lab: anatomy reason=%s part=way us=%.3f\n", reason, k
		printf "lab: traced reason=%s lines=%d\n", reason, n + 1
	}'
}

anatomy pio-write 'pio-write       com1 SCR'
anatomy pio-read 'pio-read        com1 SCR'
anatomy mmio-write 'mmio-write      pci-host MMCONFIG'
anatomy hypercall 'features (#0)'
