package history

// pairing builds a History from its lines, one after the other.
type pairing struct {
	h       *History
	lines   int
	last    int64
	ended   bool
	open    map[int]int  // process -> its operation under way, an index into Ops
	retired map[int]bool // processes that ended in info
	faults  map[int]int  // id of a fault -> index into Faults
	ids     map[string]int
}

func newPairing() *pairing {
	return &pairing{h: &History{}, open: map[int]int{}, retired: map[int]bool{}, faults: map[int]int{},
		ids: map[string]int{}}
}

// add takes the next line, number n in the file.
func (p *pairing) add(n int, l *line) error {
	switch {
	case p.ended:
		return lineErrorf(n, "something follows the end line")
	case l.I != p.lines:
		return lineErrorf(n, "it has number %d, the one before %d: lines are missing or doubled", l.I,
			p.lines-1)
	case l.T < p.last:
		return lineErrorf(n, "time runs backwards from %d to %d", p.last, l.T)
	case (l.Type == TypeHead) != (p.lines == 0):
		return lineErrorf(n, "the head, and only it, is the first line")
	}
	p.lines++
	p.last = l.T
	p.h.End = micros(l.T)
	switch l.Type {
	case TypeHead:
		return p.head(n, l)
	case Invoke:
		return p.invoke(n, l)
	case OK, Fail, Info:
		return p.complete(n, l)
	case TypeFault:
		return p.fault(n, l)
	case TypePhase:
		return p.phase(n, l)
	case TypeSeen:
		return p.seen(n, l)
	case TypeEnd:
		p.ended = true
		return nil
	}
	return lineErrorf(n, "there is no type %q", l.Type)
}

func (p *pairing) head(n int, l *line) error {
	if l.Head == nil {
		return lineErrorf(n, "the head says nothing")
	}
	p.h.Head = *l.Head
	return nil
}

func (p *pairing) invoke(n int, l *line) error {
	switch {
	case l.Process <= 0:
		return lineErrorf(n, "process %d: processes are counted from 1", l.Process)
	case l.Kind == "":
		return lineErrorf(n, "process %d invokes nothing", l.Process)
	case p.retired[l.Process]:
		return lineErrorf(n, "process %d goes on after an unknown outcome", l.Process)
	}
	if i, busy := p.open[l.Process]; busy {
		return lineErrorf(n, "process %d invokes %s while %s (line %d) is under way", l.Process, l.Kind,
			p.h.Ops[i].Kind, p.h.Ops[i].Index+1)
	}
	if at, twice := p.ids[l.ID]; twice && l.ID != "" {
		return lineErrorf(n, "the id %s was given on line %d already", l.ID, at)
	}
	p.ids[l.ID] = n
	p.open[l.Process] = len(p.h.Ops)
	p.h.Ops = append(p.h.Ops, Op{Index: l.I, Done: Forever, Process: l.Process, Kind: l.Kind,
		Key: l.Key, ID: l.ID, Session: l.Session, Mode: l.Mode, Floor: l.Floor,
		Deadline: micros(l.Deadline), Due: micros(l.Due), Input: l.Value, Outcome: Info,
		Start: micros(l.T)})
	return nil
}

// complete ends an operation. It need not repeat what the invocation says, but must not differ.
func (p *pairing) complete(n int, l *line) error {
	i, ok := p.open[l.Process]
	if !ok {
		return lineErrorf(n, "process %d completes what it has not invoked", l.Process)
	}
	o := &p.h.Ops[i]
	switch {
	case l.Kind != "" && l.Kind != o.Kind, l.Key != "" && l.Key != o.Key, l.ID != "" && l.ID != o.ID:
		return lineErrorf(n, "process %d completes another operation than it invoked on line %d",
			l.Process, o.Index+1)
	case l.Type == OK && l.Error != "":
		return lineErrorf(n, "process %d is ok and has the error %q", l.Process, l.Error)
	}
	delete(p.open, l.Process)
	o.Outcome, o.Output, o.Error, o.End = l.Type, l.Value, l.Error, micros(l.T)
	if l.At != nil {
		o.At = *l.At
	}
	if l.Type == Info {
		p.retired[l.Process] = true
		return nil
	}
	o.Done = l.I
	return nil
}

func (p *pairing) fault(n int, l *line) error {
	f := l.Fault
	if f == nil {
		return lineErrorf(n, "the fault says nothing")
	}
	i, known := p.faults[f.ID]
	switch {
	case f.Stage == stageBegin && known:
		return lineErrorf(n, "fault %d begins twice", f.ID)
	case f.Stage == stageBegin && f.Kind == "":
		return lineErrorf(n, "fault %d has no kind", f.ID)
	case f.Stage == stageBegin:
		p.faults[f.ID] = len(p.h.Faults)
		p.h.Faults = append(p.h.Faults, Fault{ID: f.ID, Kind: f.Kind, Targets: f.Targets,
			Begin: micros(l.T)})
		return nil
	case f.Stage != stageEnd:
		return lineErrorf(n, "fault %d has no stage %q", f.ID, f.Stage)
	case !known:
		return lineErrorf(n, "fault %d ends without a beginning", f.ID)
	case p.h.Faults[i].Ended:
		return lineErrorf(n, "fault %d ends twice", f.ID)
	}
	open := &p.h.Faults[i]
	open.Effect, open.Note, open.End, open.Ended = f.Effect, f.Note, micros(l.T), true
	return nil
}

func (p *pairing) phase(n int, l *line) error {
	if l.Phase == "" {
		return lineErrorf(n, "the phase has no name")
	}
	if k := len(p.h.Phases); k > 0 {
		p.h.Phases[k-1].End = micros(l.T)
	}
	p.h.Phases = append(p.h.Phases, Phase{Name: l.Phase, Index: l.I, Begin: micros(l.T)})
	return nil
}

func (p *pairing) seen(n int, l *line) error {
	if l.Seen == nil || l.Seen.Kind == "" {
		return lineErrorf(n, "nothing was seen")
	}
	o := *l.Seen
	o.Index, o.Time = l.I, micros(l.T)
	p.h.Seen = append(p.h.Seen, o)
	return nil
}

// finish gives everything that is still open the end of the history.
func (p *pairing) finish() *History {
	h := p.h
	for _, i := range p.open {
		h.Ops[i].End = h.End
	}
	for i := range h.Faults {
		if !h.Faults[i].Ended {
			h.Faults[i].End = h.End
		}
	}
	if k := len(h.Phases); k > 0 {
		h.Phases[k-1].End = h.End
	}
	return h
}
