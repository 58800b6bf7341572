#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Follows one write of a guest through the layers of the host, in one cache mode.
#
#   one-write-host.sh VITRINE KERNEL INITRD CACHE file|loop
#
# strace counts what the VMM asks of its kernel (aio=threads: what io_uring does, strace can't see).
set -eu
PATH=$PATH:/usr/sbin:/sbin # behind it: a busybox has a mke2fs of its own, so those are named in full
here=$(dirname "$(readlink -f "$0")")
vitrine=$1 kernel=$2 initrd=$3 cache=$4 kind=$5
folder=$(mktemp -d "${TMPDIR:-/var/tmp}/one-write.XXXXXX")
image=$folder/image disk=$folder/image

cleanup() {
    [ "$disk" = "$image" ] || losetup -d "$disk"
    rm -rf "$folder"
}
trap cleanup EXIT

truncate -s 4M "$image"
/sbin/mke2fs -q -t ext2 "$image"
sync "$image"
[ "$kind" = file ] || disk=$(losetup -f --show "$image")

mkfifo "$folder/answers"
exec 3<> "$folder/answers" # both ends, so that opening it waits for nobody
return=$(printf '\r')
writes=0 syncs=0
calls() { # calls WORD|WORD: how many of these system calls so far
    grep -cE "^[0-9]+ +($1)\(" "$folder/strace" || :
}

strace -f -qq -o "$folder/strace" -e trace=pwrite64,pwritev,pwritev2,fdatasync,fsync \
    "$vitrine" run --no-reboot --memory 64M --disk "$disk,cache=$cache,aio=threads" --initrd "$initrd" \
    --cmdline "quiet init=/labs/start -- /labs/one-write guest" "$kernel" < "$folder/answers" |
    while read -r word phase counts; do
        [ "$word" = phase ] || continue
        counts=${counts%"$return"}
        now_writes=$(calls 'pwrite64|pwritev|pwritev2') now_syncs=$(calls 'fdatasync|fsync')
        now_dirty=$("$here/one-write" dirty "$disk" | cut -d ' ' -f 2)
        case $phase in
        begin | unmounted) ;; # what was before isn't shown
        *)
            echo "lab: layer disk=$kind cache=$cache phase=$phase" "guest_$counts" \
                "vmm_writes=$((now_writes - writes))" "vmm_syncs=$((now_syncs - syncs))" "host_dirty=$now_dirty"
            ;;
        esac
        writes=$now_writes syncs=$now_syncs
        echo >&3
    done
