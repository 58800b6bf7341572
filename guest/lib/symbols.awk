# SPDX-License-Identifier: MIT
# From "nm -n" of the kernel: assembly of the symbol table that symbols.c searches. Offsets count from
# kernel_start, which the linker script pins to 0x...80200000.

BEGIN {
	count = 0
}

$2 ~ /^[tT]$/ && $3 !~ /^(text_end|kernel_start|.*[.].*)$/ && $1 != last {
	address[count] = substr($1, 9)
	name[count++] = $3
	last = $1
}

END {
	print "\t.section .symbols, \"a\""
	print "\t.balign 8"
	print "\t.globl symbol_count, symbol_offset, symbol_names"
	print "symbol_count:\n\t.long " count + 0
	print "symbol_offset:"
	for (i = 0; i < count; i++)
		print "\t.long 0x" address[i] " - 0x80200000"
	print "symbol_names:"
	for (i = 0; i < count; i++)
		print "\t.asciz \"" name[i] "\""
	print "\t.section .note.GNU-stack, \"\", @progbits"
}
