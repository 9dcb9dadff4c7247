package history

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const head = `{"i":0,"t":0,"type":"head","head":{"cell":"c","workload":"w","nemesis":""}}` + "\n"

// whole is a small complete history.
const whole = head + `{"i":1,"t":5,"type":"invoke","p":1,"op":"set.add","id":"a","value":1}
{"i":2,"t":6,"type":"ok","p":1}
{"i":3,"t":7,"type":"end"}
`

func TestReadWhole(t *testing.T) {
	h, err := Read(strings.NewReader(whole))
	if err != nil || h.Cut != "" || len(h.Ops) != 1 || h.Ops[0].Outcome != OK {
		t.Errorf("%+v, %v", h, err)
	}
}

// numbered makes a history of a head and lines that lack number and time.
func numbered(lines ...string) string {
	out := head
	for i, l := range lines {
		out += fmt.Sprintf(`{"i":%d,"t":1,%s}`+"\n", i+1, l)
	}
	return out
}

// TestReadRefuses feeds what no recorder writes.
func TestReadRefuses(t *testing.T) {
	const (
		invoke = `"type":"invoke","p":1,"op":"x","id":"a"`
		again  = `"type":"invoke","p":1,"op":"y","id":"b"`
		other  = `"type":"invoke","p":2,"op":"y","id":"a"`
		done   = `"type":"ok","p":1`
		unsure = `"type":"info","p":1`
		end    = `"type":"end"`
	)
	for name, c := range map[string]struct{ text, want string }{
		"empty":              {"", "no line"},
		"no head":            {`{"i":0,"t":0,"type":"end"}` + "\n", "head"},
		"second head":        {numbered(`"type":"head","head":{}`), "head"},
		"no JSON":            {head + "hello\n", "line 2"},
		"two values":         {head + `{"i":1,"t":1,"type":"end"} {}` + "\n", "more than one"},
		"unknown field":      {numbered(end + `,"x":1`), "unknown field"},
		"unknown type":       {numbered(`"type":"maybe"`), "no type"},
		"missing line":       {head + `{"i":2,"t":1,"type":"end"}` + "\n", "missing or doubled"},
		"doubled line":       {strings.Replace(numbered(invoke, done), `"i":2`, `"i":1`, 1), "doubled"},
		"time":               {head + `{"i":1,"t":-1,"type":"end"}` + "\n", "backwards"},
		"after the end":      {numbered(end, `"type":"phase","phase":"clean"`), "follows"},
		"rest after the end": {numbered(end) + "x", "follows"},
		"nobody invoked":     {numbered(done), "has not invoked"},
		"process 0":          {numbered(`"type":"invoke","op":"x"`), "counted from 1"},
		"no operation":       {numbered(`"type":"invoke","p":1`), "invokes nothing"},
		"two under way":      {numbered(invoke, again), "under way"},
		"completes twice":    {numbered(invoke, done, done), "has not invoked"},
		"after info":         {numbered(invoke, unsure, again), "unknown outcome"},
		"another operation":  {numbered(invoke, done+`,"op":"y"`), "another operation"},
		"ok with an error":   {numbered(invoke, done+`,"error":"e"`), "has the error"},
		"id twice":           {numbered(invoke, other), "given on line"},
		"fault not begun":    {numbered(`"type":"fault","fault":{"id":1,"stage":"end"}`), "a beginning"},
		"fault no kind":      {numbered(`"type":"fault","fault":{"id":1,"stage":"begin"}`), "no kind"},
		"fault no stage":     {numbered(`"type":"fault","fault":{"id":1}`), "no stage"},
		"empty fault":        {numbered(`"type":"fault"`), "says nothing"},
		"nothing seen":       {numbered(`"type":"seen"`), "nothing was seen"},
		"nameless phase":     {numbered(`"type":"phase"`), "no name"},
	} {
		_, err := Read(strings.NewReader(c.text))
		var at *LineError
		if !errors.As(err, &at) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
}

// TestEveryCut cuts a history at every byte: it is an error, or it says that it is cut; never
// does a part pass for the whole.
func TestEveryCut(t *testing.T) {
	for n := range len(whole) {
		h, err := Read(strings.NewReader(whole[:n]))
		if err == nil && h.Cut == "" {
			t.Errorf("the first %d bytes pass for a whole history", n)
		}
		if n >= len(head) && err != nil {
			t.Errorf("the first %d bytes cannot be read: %v", n, err)
		}
	}
}

// TestEveryCompressedCut does the same to the compressed file, in which a cut may fall anywhere.
func TestEveryCompressedCut(t *testing.T) {
	var file bytes.Buffer
	zip := gzip.NewWriter(&file)
	for _, l := range strings.SplitAfter(whole, "\n") {
		if _, err := zip.Write([]byte(l)); err != nil {
			t.Fatal(err)
		}
		if err := zip.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	readable := 0
	for n := range file.Len() {
		h, err := Read(bytes.NewReader(file.Bytes()[:n]))
		if err == nil && h.Cut == "" {
			t.Errorf("the first %d of %d bytes pass for a whole history", n, file.Len())
		}
		if err == nil {
			readable++
		}
	}
	if readable < file.Len()/4 {
		t.Errorf("only %d of %d cuts can be read", readable, file.Len())
	}
	if h, err := Read(&file); err != nil || h.Cut != "" {
		t.Errorf("the whole file: %+v, %v", h, err)
	}
}
