#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs a command in Debian's Linux, with these images as /dev/vda, /dev/vdb, … under QEMU's CPU emulation, where it
# doesn't matter what kind of /dev/kvm the host has.
#
#   stock-linux.sh [-l] IMAGE… -- COMMAND     -l: the writes to each are recorded in IMAGE.log (disk-log reads it)
set -eu
here=$(dirname "$(readlink -f "$0")")
linux=$here/../linux-labs

is_logged=
[ "$1" = -l ] && is_logged=1 && shift
first=$1 number=0 disks=
while [ "$1" != -- ]; do
    blocks="driver=file,filename=$1"
    if [ "$is_logged" ]; then
        : > "$1.log"
        blocks="driver=blklogwrites,log-super-update-interval=1,file.driver=file,file.filename=$1"
        blocks="$blocks,log.driver=file,log.filename=$1.log"
    fi
    disks="$disks -blockdev $blocks,node-name=disk$number -device virtio-blk-pci,drive=disk$number"
    number=$((number + 1))
    shift
done
shift
"$here/../../scripts/linux-guest" --with btrfs "$linux" >&2
cat "$linux/initramfs" "$here/../guest/labs-programs.cpio" > "$first.initrd"
# A kernel's command line has no quotes: /labs/start makes characters of %XX.
command=$(echo "$*" | sed 's/;/%3B/g')
status=0
# shellcheck disable=SC2086 # one word for each blank
timeout 120 qemu-system-x86_64 -accel tcg -m 256 -display none -serial stdio -no-reboot \
    -kernel "$linux/vmlinuz" -initrd "$first.initrd" $disks \
    -append "console=ttyS0 quiet panic=-1 cryptomgr.notests rdinit=/labs/start -- $command" < /dev/null || status=$?
rm -f "$first.initrd"
exit $status
