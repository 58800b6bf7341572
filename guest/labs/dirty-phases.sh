#!/bin/sh
# SPDX-License-Identifier: MIT
# Rows of `vitrine run --trace dirty=FILE`: each interval, and the phases in which a guest was busy. A phase's first and
# last intervals are partly idle, so the median speaks for it. The last three count: before them the guest booted.
#
#   dirty-phases.sh FILE [PAGES]      from how many pages on an interval counts as busy (100)
awk -v busy="${2:-100}" '
function end_phase(   i, j, t) {
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && at[j] < at[j - 1]; j--) {
			t = at[j]; at[j] = at[j - 1]; at[j - 1] = t
		}
	if (n > 2)
		median[++phases] = at[int((n + 1) / 2)]
	n = 0
}
NR == 1 { next }
{
	printf "lab: dirty ms=%s pages=%s\n", $1, $2
	if ($2 >= busy)
		at[++n] = $2
	else
		end_phase()
}
END {
	end_phase()
	for (i = 1; i <= 3; i++)
		printf "lab: phase number=%d pages=%d\n", i, median[phases - 3 + i]
}' "$1"
