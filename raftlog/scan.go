package raftlog

// scan is a pass over the rounds of one segment.
type scan struct {
	s     *segment
	image []byte
	off   uint32 // behind the last round
	last  uint32 // of the last round
	seq   uint64 // of the next round; 0 takes any
}

// What scan.next finds.
const (
	roundNone    = iota // nothing that can be read
	roundDamaged        // records, but the body of one does not verify
	roundGood
)

// next reads the next round.
func (c *scan) next() (recs []logRecord, state int) {
	if int64(c.off)+roundLen > c.s.size {
		return nil, roundNone
	}
	r, ok := getRound(c.image[c.off:])
	if !ok || r.segment != c.s.id || r.off != c.off || c.seq != 0 && r.seq != c.seq {
		return nil, roundNone
	}
	if recs, ok = getRecords(c.image[c.off:], r); !ok {
		return nil, roundNone
	}
	c.last, c.off, c.seq = c.off, c.off+roundLen+r.length, r.seq+1
	for _, rec := range recs {
		if !rec.sound {
			return recs, roundDamaged
		}
	}
	return recs, roundGood
}

// torn returns the length of what looks like a round that was not finished, 0 if nothing does.
func (c *scan) torn() uint64 {
	if int64(c.off)+roundLen > c.s.size {
		return 0
	}
	r := rawRound(c.image[c.off:])
	signs := 0
	for _, sign := range []bool{
		string(c.image[c.off:c.off+4]) == roundMagic,
		r.segment == c.s.id, r.off == c.off, r.seq == c.seq,
	} {
		if sign {
			signs++
		}
	}
	if signs < 2 {
		return 0
	}
	return min(roundLen+uint64(r.length), uint64(c.s.size)-uint64(c.off))
}

// later looks for a round that was written after the one at which at stands.
func (c *scan) later(at scan) (where int, ok bool) {
	for from := int(at.off) + recordUnit; ; from = where + 1 {
		where, ok = laterRound(c.image, c.s.id, from)
		if !ok {
			return 0, false
		}
		if r := rawRound(c.image[where:]); r.segment == c.s.id && r.seq > at.seq {
			return where, true
		}
	}
}
