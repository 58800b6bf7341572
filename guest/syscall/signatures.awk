# SPDX-License-Identifier: MIT
# From the prototypes of all sys_NAME() and the rows of the .def files: how the arguments of each call look, for
# who traces them. Reads the prototypes first.
#
#   SIGNATURE(number, name, "dsu", strings, in, out)
#
# A letter for each argument: d signed, u unsigned, x flags, o mode, p address, a directory's descriptor, f flags of
# open(), P protection, M flags of mmap(), S signal, c clock; s string, b bytes that the program gives, B bytes
# that it gets, each of these two with their count next. strings: mask of the s; in, out: number of the b or B
# argument, from 1, or 0.

function kind(call, type, name, next_name) {
	if (name ~ /^(path|new_path|new_root|put_old|target|source|type)_gva$/)
		return "s"
	if (name == "name_gva" && call ~ /^(execve|execveat|mq_open|mq_unlink|memfd_create)$/)
		return "s"
	if (name == "from_gva" && next_name == "bytes")
		return "b"
	if (name == "to_gva" && next_name ~ /^(bytes|size)$/ && call != "getdents64")
		return "B"
	if (name ~ /gva$/ || type == "uint64_t" && name ~ /^(address|tls|argument|[abcd])$/)
		return "p"
	if (name == "directory" || name ~ /^(new_)?fd$/ && call ~ /(at|at2|statx)$/)
		return "a"
	if (name == "flags" && call ~ /^open(at)?$/)
		return "f"
	if (name == "flags" && call == "mmap")
		return "M"
	if (name == "protection")
		return "P"
	if (name == "mode")
		return "o"
	if (name == "number" && type == "int")
		return "S"
	if (name == "clock")
		return "c"
	if (call ~ /^exit/)
		return "d"
	if (name ~ /flags|options|command|code|magic|mask|personality/)
		return "x"
	return type ~ /^int/ ? "d" : "u"
}

/^int64_t sys_/ {
	match($0, /sys_[a-z0-9_]+/)
	call = substr($0, RSTART + 4, RLENGTH - 4)
	arguments = $0
	sub(/^[^(]*\(/, "", arguments)
	sub(/\);.*/, "", arguments)
	count = arguments == "void" ? 0 : split(arguments, part, /, */)
	for (i = 1; i <= count; i++) {
		split(part[i], word, " ")
		types[i] = word[1]
		names[i] = word[2]
	}
	names[count + 1] = ""
	letters = ""
	strings = in_buffer = out_buffer = 0
	for (i = 1; i <= count; i++) {
		letter = kind(call, types[i], names[i], names[i + 1])
		letters = letters letter
		if (letter == "s")
			strings += 2 ^ (i - 1)
		else if (letter == "b")
			in_buffer = i
		else if (letter == "B")
			out_buffer = i
	}
	signature[call] = "\"" letters "\", " strings ", " in_buffer ", " out_buffer
}

/^SYSCALL\(/ {
	split($0, field, /[(,] */)
	if (field[3] in signature)
		print "SIGNATURE(" field[2] ", " field[3] ", " signature[field[3]] ")"
}
