package ecma

import (
	"bytes"
	"context"

	"github.com/codegraphdb/codegraph/ingest/lang"
)

func grammarOf(language string) lang.Grammar {
	switch language {
	case "typescript":
		return lang.TypeScript
	case "tsx":
		return lang.TSX
	}
	return lang.JavaScript
}

// parse parses a file. The TypeScript grammar does not end a member of an object type at the end of
// its line if the next one begins with < or (, and then misreads the rest of the type; so a file
// with errors is parsed again with semicolons there, and the better tree is taken.
func parse(ctx context.Context, p *lang.Parser, f *lang.File) (*lang.Tree, error) {
	g := grammarOf(f.Language)
	t, err := p.Parse(ctx, g, f.Src)
	if err != nil || g != lang.TypeScript {
		return t, err
	}
	before := t.Errors()
	if before == 0 {
		return t, nil
	}
	src := separate(f.Src)
	if src == nil {
		return t, nil
	}
	if t, err = p.Parse(ctx, g, src); err != nil {
		return nil, err
	}
	if t.Errors() < before {
		t.SetSource(f.Src)
		return t, nil
	}
	return p.Parse(ctx, g, f.Src)
}

// separate returns a copy of src with a semicolon for the line's end before every line that begins
// with < or ( and may begin a member of a type; nil if there is none. Offsets stay what they are.
func separate(src []byte) []byte {
	var out []byte
	end := -1       // of the last line that has more than a comment
	last := byte(0) // the last character on it
	arrow := false
	for from := 0; from < len(src); {
		n := bytes.IndexByte(src[from:], '\n')
		if n < 0 {
			n = len(src) - from
		}
		line := bytes.TrimSpace(src[from : from+n])
		if len(line) > 0 && (line[0] == '<' || line[0] == '(') && endsMember(last) && !arrow {
			if out == nil {
				out = bytes.Clone(src)
			}
			out[end] = ';'
		}
		if len(line) > 0 && line[0] != '*' && !bytes.HasPrefix(line, []byte("/")) {
			end, last, arrow = from+n, line[len(line)-1], bytes.HasSuffix(line, []byte("=>"))
		}
		from += n + 1
	}
	return out
}

// endsMember tells whether a member of a type can end with c.
func endsMember(c byte) bool {
	return c == '>' || c == ']' || c == ')' || c == '}' || c == '\'' || c == '"' || c == '_' ||
		'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
