#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs a lab's program in Debian's Linux, with one disk (/dev/vda), under QEMU: where /dev/kvm can't run a stock
# kernel, or Vitrine has no log of what the guest's file system does.
#
#   stock-linux.sh [-l LOG] IMAGE PROGRAM WORD…     LOG: all writes are recorded (disk-log reads it)
set -eu
here=$(dirname "$(readlink -f "$0")")
linux=$here/../linux-labs

log=
[ "$1" = -l ] && log=$2 && shift 2
image=$1
shift
"$here/../../scripts/linux-guest" --with btrfs "$linux" >&2
cat "$linux/initramfs" "$here/../guest/labs-programs.cpio" > "$image.initrd"
disk="driver=file,filename=$image"
if [ -n "$log" ]; then
    : > "$log"
    disk="driver=blklogwrites,log-super-update-interval=1,file.driver=file,file.filename=$image"
    disk="$disk,log.driver=file,log.filename=$log"
fi
status=0
# shellcheck disable=SC2086 # words of the command, one by one
timeout 120 qemu-system-x86_64 -accel tcg -m 256 -display none -serial stdio -no-reboot \
    -kernel "$linux/vmlinuz" -initrd "$image.initrd" \
    -blockdev "$disk,node-name=disk" -device virtio-blk-pci,drive=disk \
    -append "console=ttyS0 quiet panic=-1 cryptomgr.notests rdinit=/labs/start -- $*" < /dev/null || status=$?
rm -f "$image.initrd"
exit $status
