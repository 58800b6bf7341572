# SPDX-License-Identifier: MIT
# From "nm -n" of the kernel: assembly of the symbol table that symbols.c reads. Offsets count from
# kernel_start, which the linker script pins to 0x...80200000. An entry is
#   2 bytes   distance from the function before
#   1 byte    how many characters of its name are those of the name before
#   the other characters, at least one; the last has bit 7 set

BEGIN {
	count = 0
}

$2 ~ /^[tT]$/ && $3 !~ /^(text_end|kernel_start|.*[.].*)$/ && $1 != last {
	address[count] = "0x" substr($1, 9)
	name[count++] = $3
	last = $1
}

function shared(a, b,    n) {
	while (n < length(a) - 1 && n < length(b) && substr(a, n + 1, 1) == substr(b, n + 1, 1))
		n++
	return n + 0
}

END {
	print "\t.section .symbols, \"a\""
	print "\t.balign 8"
	print "\t.globl symbol_count, symbol_table"
	print "symbol_count:\n\t.long " count + 0
	print "symbol_table:"
	before = "0x80200000"
	for (i = 0; i < count; i++) {
		kept = i ? shared(name[i], name[i - 1]) : 0
		print "\t.short " address[i] " - " before
		print "\t.byte " kept
		print "\t.ascii \"" substr(name[i], kept + 1, length(name[i]) - kept - 1) "\""
		print "\t.byte 128 + '" substr(name[i], length(name[i])) "'"
		before = address[i]
	}
	print "\t.section .note.GNU-stack, \"\", @progbits"
}
