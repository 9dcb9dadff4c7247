package shard

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Digest is a sum of 128-bit hashes of (key@version, value): two replicas that hold the same rows
// have the same digest, in whatever order the rows came. It is for finding faults, not forgery.
type Digest struct {
	Hi, Lo uint64
}

// String returns the digest in hexadecimal.
func (d Digest) String() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], d.Hi)
	binary.BigEndian.PutUint64(b[8:], d.Lo)
	return hex.EncodeToString(b[:])
}

func (d Digest) add(o Digest) Digest {
	lo, carry := bits.Add64(d.Lo, o.Lo, 0)
	hi, _ := bits.Add64(d.Hi, o.Hi, carry)
	return Digest{hi, lo}
}

func (d Digest) sub(o Digest) Digest {
	lo, borrow := bits.Sub64(d.Lo, o.Lo, 0)
	hi, _ := bits.Sub64(d.Hi, o.Hi, borrow)
	return Digest{hi, lo}
}

// hasher makes digests of rows; it is reused to save allocations.
type hasher struct {
	d xxhash.Digest
}

// row hashes one stored key and its value. Keys tell their own length, so no separator is needed.
func (h *hasher) row(key, value []byte) Digest {
	return Digest{h.half(1, key, value), h.half(2, key, value)}
}

func (h *hasher) half(seed uint64, key, value []byte) uint64 {
	h.d.ResetWithSeed(seed)
	h.d.Write(key)
	h.d.Write(value)
	return h.d.Sum64()
}
