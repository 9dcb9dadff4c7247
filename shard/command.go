package shard

import (
	"encoding/binary"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// Entry is one entry of the group's log. Empty data is a no-op that only moves applied.
type Entry struct {
	Index, Term uint64
	Data        []byte
}

// Result is what became of one entry.
type Result struct {
	Index     uint64
	Skipped   bool   // applied before: the outcome is in the state, not here
	Duplicate bool   // acknowledged, had been applied under another index
	SealIndex uint64 // Write with seal: log index of the seal
	Cursor    []byte // GC: where the next command of the pass begins
	Done      bool   // GC: the pass is complete
	Removed   int    // GC: rows removed
	Err       error  // rejected, with no effect, on every replica alike
	// Txn is what the shard knows of the transaction after the command; nil: nothing.
	Txn *graph.TxnRecord
	// Blocked is the lock in the way, if Err has graph.ReasonLocked: when its holder has ended, the
	// same command may work.
	Blocked *graph.Lock
}

type commandType byte

// Values are stored in logs: append, never reorder.
const (
	cmdWrite     commandType = 1
	cmdOutcome   commandType = 2
	cmdConfigure commandType = 3
	cmdGC        commandType = 4
	cmdOnePhase  commandType = 5
	cmdPrepare   commandType = 6
	cmdDecide    commandType = 7
	cmdResolve   commandType = 8
	commands     commandType = 9 // after the last
)

const (
	commandFormat = 2
	commandHead   = 1 + 1 + 8 + 8
)

// command is a decoded entry.
//
//	+-----+------+-------+--------+------+
//	| fmt | type | term8 | epoch8 | body |
//	+-----+------+-------+--------+------+
type command struct {
	typ         commandType
	term, epoch uint64
	body        []byte
}

func commandBytes(typ commandType, term, epoch uint64, size int) []byte {
	b := make([]byte, 0, commandHead+size)
	b = append(b, commandFormat, byte(typ))
	b = binary.BigEndian.AppendUint64(b, term)
	return binary.BigEndian.AppendUint64(b, epoch)
}

// decodeCommand fails on what this program does not know: the replica must stop (S3).
func decodeCommand(data []byte) (command, error) {
	if len(data) < commandHead {
		return command{}, errorf("Apply", graph.KindCorrupt, "command of %d bytes is cut off",
			len(data))
	}
	if data[0] != commandFormat {
		return command{}, unsupported("Apply", "command", data[0], commandFormat)
	}
	c := command{commandType(data[1]), binary.BigEndian.Uint64(data[2:]),
		binary.BigEndian.Uint64(data[10:]), data[commandHead:]}
	if c.typ < cmdWrite || c.typ >= commands {
		return c, errorf("Apply", graph.KindUnsupported, "command of unknown type %d", c.typ).
			WithRemedy("run the version that wrote it, or a newer one")
	}
	return c, nil
}

// EncodeWrite makes the command that applies an encoded graph.Batch.
func EncodeWrite(term, epoch uint64, batch []byte) []byte {
	return append(commandBytes(cmdWrite, term, epoch, len(batch)), batch...)
}

// EncodeOutcome makes the command that tells the shard what became of an import.
func EncodeOutcome(term, epoch uint64, o graph.Outcome) []byte {
	b := commandBytes(cmdOutcome, term, epoch, 16)
	b = binary.BigEndian.AppendUint64(b, uint64(o.Import))
	return binary.BigEndian.AppendUint64(b, uint64(o.Commit))
}

// EncodeConfigure makes the command that gives the shard a new descriptor, whose epoch must be
// greater than the present one.
func EncodeConfigure(term uint64, d Descriptor) []byte {
	return append(commandBytes(cmdConfigure, term, d.Epoch, descriptorLen), d.encode()...)
}

// GC says what one command collects. A pass begins without a cursor; each next command takes the
// cursor of the last result and says the same otherwise.
type GC struct {
	Safepoint graph.Timestamp // reads below it are refused from now on
	// Pins are timestamps below the safepoint that stay readable, in any order. One that lies below
	// the last safepoint and was no pin then is passed over: what it needs may be gone.
	Pins    []graph.Timestamp
	Cursor  []byte
	MaxRows int // versions that the command looks at
}

// EncodeGC makes the command that collects what no read can see: none at or above the safepoint,
// none at a pin.
//
//	+------------+-------+---------+------------+--------+
//	| safepoint8 | rows4 | n pins4 | pin8 * n   | cursor |
//	+------------+-------+---------+------------+--------+
func EncodeGC(term, epoch uint64, gc GC) []byte {
	pins := sortedPins(gc.Pins)
	b := commandBytes(cmdGC, term, epoch, 16+8*len(pins)+len(gc.Cursor))
	b = binary.BigEndian.AppendUint64(b, uint64(gc.Safepoint))
	b = binary.BigEndian.AppendUint32(b, uint32(max(gc.MaxRows, 1)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(pins)))
	for _, p := range pins {
		b = binary.BigEndian.AppendUint64(b, uint64(p))
	}
	return append(b, gc.Cursor...)
}

func sortedPins(pins []graph.Timestamp) []graph.Timestamp {
	pins = slices.Clone(pins)
	slices.Sort(pins)
	return slices.Compact(pins)
}

// decodeGCCommand takes the body of a command apart; nil if it is malformed.
func decodeGCCommand(b []byte) *GC {
	const head = 16
	if len(b) < head {
		return nil
	}
	gc := &GC{Safepoint: graph.Timestamp(bigU64(b)), MaxRows: int(binary.BigEndian.Uint32(b[8:]))}
	n := int(binary.BigEndian.Uint32(b[12:]))
	if b = b[head:]; n > len(b)/8 {
		return nil
	}
	for i := range n {
		gc.Pins = append(gc.Pins, graph.Timestamp(bigU64(b[8*i:])))
	}
	if !slices.IsSorted(gc.Pins) {
		return nil
	}
	gc.Cursor = b[8*n:]
	return gc
}

// EncodeOnePhase makes the command of a transaction within the shard.
func EncodeOnePhase(term, epoch uint64, t *graph.OnePhase) []byte {
	return commandOf(cmdOnePhase, term, epoch, t.Encode())
}

// EncodePrepare makes the command that stages a transaction's part in the shard.
func EncodePrepare(term, epoch uint64, t *graph.Prepare) []byte {
	return commandOf(cmdPrepare, term, epoch, t.Encode())
}

// EncodeDecide makes the command that ends a transaction at its primary.
func EncodeDecide(term, epoch uint64, t *graph.Decide) []byte {
	return commandOf(cmdDecide, term, epoch, t.Encode())
}

// EncodeResolve makes the command that carries out in the shard what was decided.
func EncodeResolve(term, epoch uint64, t *graph.Resolve) []byte {
	return commandOf(cmdResolve, term, epoch, t.Encode())
}

func commandOf(typ commandType, term, epoch uint64, body []byte) []byte {
	return append(commandBytes(typ, term, epoch, len(body)), body...)
}

const (
	descriptorFormat = 1
	descriptorLen    = 1 + 8 + 8 + 2 + 2
)

func (d Descriptor) encode() []byte {
	b := make([]byte, 0, descriptorLen)
	b = append(b, descriptorFormat)
	b = binary.BigEndian.AppendUint64(b, d.ID)
	b = binary.BigEndian.AppendUint64(b, d.Epoch)
	b = binary.BigEndian.AppendUint16(b, d.Slots.Lo)
	return binary.BigEndian.AppendUint16(b, d.Slots.Hi)
}

func decodeDescriptor(b []byte) (Descriptor, error) {
	var d Descriptor
	if len(b) > 0 && b[0] != descriptorFormat {
		return d, unsupported("Open", "descriptor", b[0], descriptorFormat)
	}
	if len(b) != descriptorLen {
		return d, errorf("Open", graph.KindCorrupt, "descriptor is malformed")
	}
	d.ID = binary.BigEndian.Uint64(b[1:])
	d.Epoch = binary.BigEndian.Uint64(b[9:])
	d.Slots.Lo = binary.BigEndian.Uint16(b[17:])
	d.Slots.Hi = binary.BigEndian.Uint16(b[19:])
	if d.Slots.Lo > d.Slots.Hi {
		return d, errorf("Open", graph.KindCorrupt, "descriptor is malformed")
	}
	return d, nil
}
