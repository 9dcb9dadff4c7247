package graph

import (
	"encoding/binary"
	"math"
)

// encoder appends fields in order; varints are unsigned LEB128.
type encoder struct{ b []byte }

func (e *encoder) byte(v byte)     { e.b = append(e.b, v) }
func (e *encoder) uint(v uint64)   { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) u64(v uint64)    { e.b = binary.BigEndian.AppendUint64(e.b, v) }
func (e *encoder) id(v VertexID)   { e.b = append(e.b, v[:]...) }
func (e *encoder) raw(v []byte)    { e.b = append(e.b, v...) }
func (e *encoder) bytes(v []byte)  { e.uint(uint64(len(v))); e.b = append(e.b, v...) }
func (e *encoder) string(v string) { e.uint(uint64(len(v))); e.b = append(e.b, v...) }

func (e *encoder) bool(v bool) {
	if v {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

// decoder reads fields in order; after the first fault every read returns a zero value.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.bad, d.b = true, nil }

func (d *decoder) byte() byte {
	if len(d.b) < 1 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) bool() bool { return d.byte() != 0 }

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uint()
	if v > math.MaxUint32 {
		d.fail()
		return 0
	}
	return uint32(v)
}

func (d *decoder) u64() uint64 {
	b := d.take(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func (d *decoder) id() (v VertexID) {
	copy(v[:], d.take(uint64(len(v))))
	return v
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte  { return d.take(d.uint()) }
func (d *decoder) string() string { return string(d.bytes()) }

// count reads the number of items that follow, each at least min bytes long (G6).
func (d *decoder) count(min int) int {
	n := d.uint()
	if n > uint64(len(d.b)/min) {
		d.fail()
		return 0
	}
	return int(n)
}

// done returns an error if anything was malformed or left over.
func (d *decoder) done(op, what string) error {
	if d.bad || len(d.b) != 0 {
		return Errorf(op, KindCorrupt, "%s is malformed", what)
	}
	return nil
}

// checkVersion reads a format version and refuses one that this program does not know.
func (d *decoder) checkVersion(op, what string, known byte) error {
	v := d.byte()
	if d.bad {
		return Errorf(op, KindCorrupt, "%s is empty", what)
	}
	if v != known {
		return Errorf(op, KindUnsupported, "%s has format %d, this program reads %d", what, v, known).
			WithRemedy("run the version that wrote it, or ingest again")
	}
	return nil
}
