package raftlog

import (
	"encoding/binary"
	"math"
)

// Kinds of keys; the diagram is in doc.go. 'C' and 'T' are reserved.
const (
	kindLog    = 'L'
	kindStable = 'S'
	kindEngine = 'M'
)

const (
	groupKeyLen = 1 + 8
	logKeyLen   = groupKeyLen + 8
)

// groupKey is the prefix of a group's keys of one kind.
func groupKey(kind byte, group uint64) []byte {
	k := make([]byte, 0, logKeyLen)
	k = append(k, kind)
	return binary.BigEndian.AppendUint64(k, group)
}

// groupEnd is the first key behind a group's keys of one kind.
func groupEnd(kind byte, group uint64) []byte {
	if group == math.MaxUint64 {
		return []byte{kind + 1}
	}
	return groupKey(kind, group+1)
}

func logKey(group, index uint64) []byte {
	return binary.BigEndian.AppendUint64(groupKey(kindLog, group), index)
}

// logKeyAfter is the first key behind the entry at index.
func logKeyAfter(group, index uint64) []byte {
	if index == math.MaxUint64 {
		return groupEnd(kindLog, group)
	}
	return logKey(group, index+1)
}

func stableKey(group uint64, name []byte) []byte {
	return append(groupKey(kindStable, group), name...)
}

func engineKey(name string) []byte {
	return append([]byte{kindEngine}, name...)
}

// keyGroup returns the group of a key of kind 'L' or 'S'.
func keyGroup(key []byte) (uint64, bool) {
	if len(key) < groupKeyLen {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:groupKeyLen]), true
}

// keyIndex returns the index of a key of kind 'L'.
func keyIndex(key []byte) (uint64, bool) {
	if len(key) != logKeyLen {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[groupKeyLen:]), true
}
