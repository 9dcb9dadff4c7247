package lang

// #include <stdlib.h>
// #include "treesitter.h"
import "C"

import (
	"context"
	"runtime"
	"time"
	"unsafe"

	// The grammars and the library are linked from here; treesitter.c calls them.
	_ "github.com/smacker/go-tree-sitter"
	_ "github.com/smacker/go-tree-sitter/golang"
	_ "github.com/smacker/go-tree-sitter/javascript"
	_ "github.com/smacker/go-tree-sitter/python"
	_ "github.com/smacker/go-tree-sitter/typescript/tsx"
	_ "github.com/smacker/go-tree-sitter/typescript/typescript"

	"github.com/codegraphdb/codegraph/graph"
)

// Grammar numbers a tree-sitter grammar; treesitter.c has the same numbers.
type Grammar int

// The grammars.
const (
	Go Grammar = iota
	Python
	JavaScript
	TypeScript
	TSX
	grammars // count
)

const (
	maxDepth   = 1500                   // levels of a syntax tree that are looked at
	parseSlice = 100 * time.Millisecond // parsing looks for cancellation this often
)

// tables map a grammar's symbols and fields to ours.
type tables struct {
	kinds  []C.uint16_t
	fields []C.uint8_t
}

// Parser parses files, one at a time. It is not safe for concurrent use.
type Parser struct {
	limit  time.Duration
	c      [grammars]*C.cg_parser
	tables [grammars]*tables
}

// NewParser returns a parser that spends at most limit on one file. Close it after use.
func NewParser(limit time.Duration) *Parser { return &Parser{limit: limit} }

// Close frees the parser's memory; trees that it made are gone.
func (p *Parser) Close() {
	for g, c := range p.c {
		C.cg_free(c)
		p.c[g] = nil
	}
}

// Parse returns the flat tree of src. It lives until the next parse.
func (p *Parser) Parse(ctx context.Context, g Grammar, src []byte) (*Tree, error) {
	const op = "lang.Parse"
	c, err := p.open(g)
	if err != nil {
		return nil, err
	}
	text := (*C.char)(unsafe.Pointer(unsafe.SliceData(src)))
	for spent := time.Duration(0); ; spent += parseSlice {
		slice := min(parseSlice, p.limit-spent)
		if slice <= 0 || ctx.Err() != nil {
			C.cg_reset(c)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, graph.Errorf(op, graph.KindDeadline, "parsing takes longer than %s", p.limit)
		}
		if C.cg_parse(c, text, C.uint32_t(len(src)), C.uint64_t(slice.Microseconds())) {
			break
		}
	}
	runtime.KeepAlive(src)
	t := p.tables[g]
	if !C.cg_flatten(c, &t.kinds[0], &t.fields[0], maxDepth) {
		return nil, graph.Errorf(op, graph.KindLimit, "no memory for the syntax tree")
	}
	nodes := unsafe.Slice((*node)(unsafe.Pointer(c.nodes)), int(c.count))
	return &Tree{n: nodes, src: src, hasError: bool(c.has_error), tooDeep: bool(c.too_deep)}, nil
}

// open returns the C parser of a grammar, made at its first use.
func (p *Parser) open(g Grammar) (*C.cg_parser, error) {
	if p.c[g] != nil {
		return p.c[g], nil
	}
	l := C.cg_language(C.int(g))
	c := C.cg_new(l)
	if c == nil {
		return nil, graph.Errorf("lang.Parse", graph.KindInternal, "grammar %d does not load", g)
	}
	p.c[g], p.tables[g] = c, newTables(g, l)
	return c, nil
}

func newTables(g Grammar, l *C.TSLanguage) *tables {
	const anonymous = 1
	t := &tables{make([]C.uint16_t, C.cg_symbol_count(l)), make([]C.uint8_t, C.cg_field_count(l)+1)}
	byName := map[string]Kind{}
	for i, name := range kindNames {
		byName[name] = KError + Kind(i)
	}
	for s := range t.kinds {
		name := C.GoString(C.cg_symbol_name(l, C.uint16_t(s)))
		switch C.cg_symbol_type(l, C.uint16_t(s)) {
		case 0:
			t.kinds[s] = C.uint16_t(KOther)
			if k, ok := byName[name]; ok {
				t.kinds[s] = C.uint16_t(k)
			}
		case anonymous:
			if g != Go { // its tokens tell nothing that the tree does not
				t.kinds[s] = C.uint16_t(byName["'"+name]) // 0, left out, if nobody asks for it
			}
		}
	}
	for f := 1; f < len(t.fields); f++ {
		name := C.GoString(C.cg_field_name(l, C.uint16_t(f)))
		for i, known := range fieldNames {
			if known == name {
				t.fields[f] = C.uint8_t(i)
			}
		}
	}
	return t
}
