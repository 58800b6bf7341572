# SPDX-License-Identifier: MIT
# From the kernel's sources: the prototype of each sys_NAME() defined there, for guest/syscall/calls.h.

/^int64_t sys_/ { text = ""; inside = 1 }
inside {
	text = text (text == "" ? "" : " ") $0
	if ($0 ~ /;[ \t]*$/)
		inside = 0 # a declaration
	else if ($0 ~ /^\{/) {
		sub(/[ \t]*\{.*/, ";", text)
		gsub(/[ \t]+/, " ", text)
		print text
		inside = 0
	}
}
