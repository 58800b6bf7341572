#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Cuts the power behind every write of a log, and says what is left of the move of a file.
#
#   power-cut-states.sh make TYPE IMAGE            a file system with /from/file and /to
#   power-cut-states.sh judge TYPE IMAGE LOG       IMAGE is as it was before
#
# Nothing is mounted: the tools of each file system look into its image, after what a mount would do first (a
# journal is replayed; Btrfs starts from its last superblock).
set -eu
PATH=$PATH:/usr/sbin:/sbin # behind it: a busybox has a mke2fs of its own, so those are named in full
here=$(dirname "$0")
CONTENT='what must not get lost'

make_image() {
    mkdir -p "$2.d/from" "$2.d/to"
    echo "$CONTENT" > "$2.d/from/file"
    rm -f "$2"
    case $1 in
    ext2) truncate -s 4M "$2" && /sbin/mke2fs -q -t ext2 -b 1024 -d "$2.d" "$2" ;;
    ext4) truncate -s 8M "$2" && /sbin/mke2fs -q -t ext4 -b 1024 -d "$2.d" "$2" ;;
    btrfs) truncate -s 32M "$2" && mkfs.btrfs -q --mixed --rootdir "$2.d" "$2" ;;
    esac
    rm -r "$2.d"
}

# has TYPE IMAGE PATH: is the file there, with its content?
has() {
    case $1 in
    btrfs)
        rm -rf "$2.out" && mkdir "$2.out"
        btrfs restore "$2" "$2.out" > /dev/null 2>&1
        [ "$(cat "$2.out/$3" 2> /dev/null)" = "$CONTENT" ]
        ;;
    *) [ "$(/sbin/debugfs -R "cat /$3" "$2" 2> /dev/null)" = "$CONTENT" ] ;;
    esac
}

is_clean() {
    case $1 in
    btrfs) btrfs check "$2" > /dev/null 2>&1 ;;
    *) /sbin/e2fsck -fn "$2" > /dev/null 2>&1 ;;
    esac
}

judge() {
    count=$("$here/disk-log" count "$3")
    cut=0
    while [ "$cut" -le "$count" ]; do
        cp "$2" "$2.cut"
        "$here/disk-log" replay "$3" "$2.cut" "$cut" > /dev/null
        [ "$1" = ext4 ] && /sbin/e2fsck -E journal_only -y "$2.cut" > /dev/null 2>&1
        old=0 new=0 clean=0
        has "$1" "$2.cut" from/file && old=1
        has "$1" "$2.cut" to/file && new=1
        is_clean "$1" "$2.cut" && clean=1
        case $old$new in 10) left=old ;; 01) left=new ;; 11) left=both ;; *) left=none ;; esac
        echo "lab: cut type=$1 after=$cut until=$((cut + 1)) left=$left names=$((old + new)) clean=$clean"
        cut=$((cut + 1))
    done
    rm -rf "$2.cut" "$2.cut.out"
}

case ${1:-} in
make) make_image "$2" "$3" ;;
judge) judge "$2" "$3" "$4" ;;
*)
    sed -n 's/^#   //p' "$0" >&2
    exit 2
    ;;
esac
