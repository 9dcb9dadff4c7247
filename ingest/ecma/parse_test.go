package ecma

import "testing"

// TestSeparate checks where semicolons are put, and that nothing moves.
func TestSeparate(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a: {\n <A>(x): B\n /** c */\n <C>(y): D\n}", "a: {\n <A>(x): B; /** c */\n <C>(y): D\n}"},
		{"x: A\n (y): B", "x: A; (y): B"},
		{"f(\n (x) => y,\n (z) => y)", ""},
		{"const f = (a) =>\n (b)", ""},
		{"f<\n <A>() => B\n>()", ""},
		{"a\n\n<B>c", "a;\n<B>c"},
		{"", ""},
	}
	for _, test := range tests {
		got := string(separate([]byte(test.in)))
		if got != test.want || got != "" && len(got) != len(test.in) {
			t.Errorf("%q: %q, want %q", test.in, got, test.want)
		}
	}
}
