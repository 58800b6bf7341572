#!/bin/sh
# SPDX-License-Identifier: MIT
# Rows of a trace of syscall-trace: how often each call is in it, and with how many errors. Both formats have the
# call's name before the first parenthesis; Vitrine's has a column with the program's name before that.
#   syscall-trace-rows.sh FILE [PROGRAM]
awk -v program="${2:-}" '
program != "" && $2 != program { next }
match($0, /[a-z_0-9]+\(/) {
	call = substr($0, RSTART, RLENGTH - 1)
	count[call]++
	if ($0 ~ /\) += -1 E/)
		errors[call]++
}
END {
	for (call in count)
		printf "lab: traced call=%s count=%d errors=%d\n", call, count[call], errors[call]
}' "$1" | sort
