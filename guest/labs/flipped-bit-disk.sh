#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A disk with one file, of whose data one bit is wrong.
#
#   flipped-bit-disk.sh make TYPE IMAGE      ext2, ext4, btrfs, btrfs-dup (each block twice)
#   flipped-bit-disk.sh check TYPE IMAGE     what the file system's own checker finds, as a row
set -eu
PATH=$PATH:/usr/sbin:/sbin # behind it: a busybox has a mke2fs of its own, so those are named in full
here=$(dirname "$0")

make_image() {
    mkdir -p "$2.d"
    head -c 65536 /dev/zero | tr '\0' d > "$2.d/file"
    rm -f "$2"
    case $1 in
    ext2) truncate -s 4M "$2" && /sbin/mke2fs -q -t ext2 -d "$2.d" "$2" ;;
    ext4) truncate -s 8M "$2" && /sbin/mke2fs -q -t ext4 -d "$2.d" "$2" ;;
    btrfs) truncate -s 32M "$2" && mkfs.btrfs -q -M -m single -d single -r "$2.d" "$2" ;;
    btrfs-dup) truncate -s 256M "$2" && mkfs.btrfs -q -m dup -d dup -r "$2.d" "$2" ;;
    esac > /dev/null
    rm -r "$2.d"
    "$here/flipped-bit" flip "$2"
}

check() {
    finds=0
    case $1 in
    btrfs*) btrfs check --check-data-csum "$2" > "$2.check" 2>&1 || finds=1 ;;
    *) /sbin/e2fsck -fn "$2" > "$2.check" 2>&1 || finds=1 ;;
    esac
    grep -i csum "$2.check" || :
    rm -f "$2.check"
    echo "lab: checker type=$1 finds=$finds"
}

case ${1:-} in
make) make_image "$2" "$3" ;;
check) check "$2" "$3" ;;
*)
    sed -n 's/^#   //p' "$0" >&2
    exit 2
    ;;
esac
