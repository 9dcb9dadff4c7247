package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"gopkg.in/yaml.v3"
)

const (
	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

func checkOutput(format string) error {
	switch format {
	case formatTable, formatJSON, formatYAML:
		return nil
	}
	return invalid("output format %q is not known", format).WithRemedy("write table, json or yaml")
}

// table is rows of text in aligned columns.
type table struct {
	headers []string
	rows    [][]string
	right   map[int]bool // columns of numbers
}

func newTable(headers ...string) *table { return &table{headers: headers, right: map[int]bool{}} }

// numbers aligns columns to the right.
func (t *table) numbers(columns ...int) *table {
	for _, c := range columns {
		t.right[c] = true
	}
	return t
}

func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = oneLine(fmt.Sprint(c))
	}
	t.rows = append(t.rows, row)
}

// oneLine keeps a cell on its line.
func oneLine(s string) string {
	if s == "" {
		return "-"
	}
	return strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(s)
}

// text renders the table; nothing follows the last row.
func (t *table) text(headers bool) string {
	lines := t.rows
	if headers {
		lines = append([][]string{t.headers}, t.rows...)
	}
	var width []int
	for _, line := range lines {
		for i, c := range line {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		var l strings.Builder
		for i, c := range line {
			if i > 0 {
				l.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if t.right[i] {
				l.WriteString(pad + c)
			} else {
				l.WriteString(c + pad)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// printTable writes a table to stdout; one without rows is nothing at all.
func (a *app) printTable(t *table) error {
	if len(t.rows) == 0 {
		return nil
	}
	_, err := io.WriteString(a.out, t.text(!a.flags.noHeaders))
	return err
}

// print writes an answer in the format asked for: the message, or the table made of it.
func (a *app) print(m proto.Message, t func() *table) error {
	if a.flags.output == formatTable {
		return a.printTable(t())
	}
	return a.printValue(protoJSON{m})
}

// printValue writes a value as JSON or YAML.
func (a *app) printValue(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if a.flags.output == formatYAML {
		raw, err = toYAML(raw)
	} else {
		var b bytes.Buffer
		err = json.Indent(&b, raw, "", "  ")
		b.WriteByte('\n')
		raw = b.Bytes()
	}
	if err != nil {
		return err
	}
	_, err = a.out.Write(raw)
	return err
}

// toYAML rewrites JSON, which is YAML already, in block style; keys keep their order.
func toYAML(raw []byte) ([]byte, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(raw, &n); err != nil {
		return nil, err
	}
	plain(&n)
	return yaml.Marshal(&n)
}

func plain(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plain(c)
	}
}

// protoJSON is a message that marshals under its protobuf names, unset fields included.
type protoJSON struct{ proto.Message }

// MarshalJSON returns the canonical JSON form.
func (m protoJSON) MarshalJSON() ([]byte, error) {
	return protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(m.Message)
}
