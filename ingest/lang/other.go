package lang

import (
	"path"
	"strings"
)

// otherLanguages are the extensions of source files that no analyzer reads yet.
const otherLanguages = ` .java .kt .kts .scala .groovy .clj .c .h .cc .cpp .cxx .hh .hpp .hxx .inl
 .cs .fs .vb .rs .rb .php .swift .m .mm .dart .lua .pl .pm .r .jl .hs .ml .mli .ex .exs .erl .hrl
 .elm .zig .nim .d .v .sv .vhd .vhdl .sh .bash .zsh .ps1 .tcl .awk .asm .s .f .f90 .f95 .pas .ada
 .adb .ads .cob .lisp .el .scm .rkt .proto .thrift .graphql .sql .vue .svelte .astro .sol .cu .cl
 .pyx .pxd `

// Unread tells whether a file holds source code that no analyzer reads: leaving it out is a gap.
// Texts, settings and data hold no symbols to miss.
func Unread(p string) bool {
	ext := strings.ToLower(path.Ext(p))
	return ext != "" && Of(p) == "" && strings.Contains(strings.ReplaceAll(otherLanguages, "\n", " "),
		" "+ext+" ")
}
