#!/bin/sh
# SPDX-License-Identifier: MIT
#
# One boot as a timeline, from what strace saw the VMM do: set-up, loading, the first KVM_RUN, what the guest
# wrote when, and the end. Then the first steps of a processor that starts at the reset vector.
#
#   boot-timeline.sh VITRINE GUEST INITRD
set -eu
vitrine=$1
guest=$2
initrd=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

timeout 50 strace -f -ttt -s 40 -o "$folder/calls" "$vitrine" run --memory 64M --kernel "$guest" --initrd "$initrd" \
	--cmdline 'init=/labs/start -- /bin/echo user land' </dev/null >"$folder/console"

# Lines are "PID SECONDS CALL"; each mark is the first line that matches.
awk '
function phase(name, who, from, to) {
	if (from == "" || to == "") return
	printf "%-34s %-7s %9.1f to %9.1f ms\n", name, who, (from - zero) * 1000, (to - zero) * 1000
	printf "lab: phase phase=\"%s\" who=%s from=%.2f to=%.2f ms=%.2f\n", name, who, (from - zero) * 1000,
		(to - zero) * 1000, (to - from) * 1000
}
function mark(name) { if (!(name in at)) at[name] = $2; last[name] = $2 }
/execve\(/ && zero == "" { zero = $2 }
/openat.*vitrine-guest/ { mark("image") }
/openat.*\/dev\/kvm/ { mark("kvm") }
/KVM_CREATE_VM/ { mark("vm") }
/KVM_CREATE_VCPU/ { mark("vcpu") }
/openat.*\.cpio/ { mark("load"); loader = $1 }
$1 == loader && / exit\(/ { mark("loaded") }
/KVM_SET_REGS/ { mark("state"); state = $0 }
/KVM_RUN/ { runs++; mark("run"); if (runs == 2) mark("first-exit") }
/write\(1, .*Vitrine guest/ { mark("greeting") }
/write\(1, .*hypervisor/ { mark("told") }
/write\(1, / { if (!told_all) mark("line") }
/write\(1, "user land/ { mark("program"); told_all = 1 }
/write\(1, .*lab-exit/ { mark("off") }
/exit_group/ { mark("end") }
END {
	phase("the VMM as a program", "vmm", zero, at["image"])
	phase("looking at the kernel image", "vmm", at["image"], at["kvm"])
	phase("opening KVM, creating the VM", "kvm", at["kvm"], at["vcpu"])
	phase("loading kernel and initrd", "loader", at["load"], at["loaded"])
	phase("vCPU: CPUID, registers", "kvm", at["vcpu"], at["run"])
	phase("entry, memory, page tables", "kernel", at["run"], at["first-exit"])
	phase("CPUs, devices, clock", "kernel", at["first-exit"], at["greeting"])
	phase("greeting", "kernel", at["greeting"], at["told"])
	phase("init and its program", "user", at["told"], at["program"])
	phase("the program, power off", "user", at["program"], at["off"])
	phase("taking it all down", "vmm", at["off"], at["end"])
	if (match(state, /rip=0x[0-9a-f]+/))
		printf "lab: start how=pvh rip=%s\n", substr(state, RSTART + 4, RLENGTH - 4)
	printf "lab: order kvm=%.2f vm=%.2f load=%.2f run=%.2f greeting=%.2f program=%.2f end=%.2f\n", (at["kvm"] - zero) * 1000,
		(at["vm"] - zero) * 1000, (at["load"] - zero) * 1000, (at["run"] - zero) * 1000, (at["greeting"] - zero) * 1000,
		(at["program"] - zero) * 1000, (at["end"] - zero) * 1000
}' "$folder/calls"

# mov $'H', %al; mov $0x3f8, %dx; out; mov $0, %al; out to debug-exit
printf '\260\110\272\370\003\356\260\000\346\364' >"$folder/boot"
timeout 10 "$vitrine" run --flat16 --debug-exit --trace "registers=$folder/trace" --memory 16M --serial none \
	"$folder/boot" </dev/null >/dev/null || true
echo "The same machine with firmware, from the reset vector f000:fff0 to 16-bit code at 0000:7c00, exit by exit:"
sed -n '1!p' "$folder/trace" | sed 's/ rax .*//' | awk '{ print }
	{ match($0, /rip 0x[0-9a-f]+/); rip = substr($0, RSTART + 4, RLENGTH - 4) }
	END { printf "lab: firmware exits=%d last=%s\n", NR, rip }'
