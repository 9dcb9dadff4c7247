package check

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Register is W1: every key is a linearizable register with compare-and-set. Keys are searched one
// by one; when the time is up, the rest is unknown.
func Register() Checker { return fold{"register", checkRegister} }

// registerOp is one step of the model. Unknown outcomes have known = false.
type registerOp struct {
	kind    string
	to      int64 // write, cas
	from    int64 // cas
	read    *int64
	swapped bool
	known   bool
}

// registerState is the content of a register.
type registerState struct {
	set   bool
	value int64
}

func registerModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return registerState{} },
		Step: func(state, in, _ any) (bool, any) {
			return registerStep(state.(registerState), in.(registerOp))
		},
		DescribeOperation: func(in, _ any) string { return in.(registerOp).String() },
		DescribeState:     func(s any) string { return s.(registerState).String() },
	}
}

// registerStep says whether the operation may happen in a state, and the state after it.
func registerStep(s registerState, o registerOp) (bool, registerState) {
	switch o.kind {
	case RegisterRead:
		return o.read == nil && !s.set || o.read != nil && s.set && *o.read == s.value, s
	case RegisterWrite:
		return true, registerState{true, o.to}
	}
	matches := s.set && s.value == o.from
	if o.known && o.swapped != matches {
		return false, s
	}
	if matches {
		return true, registerState{true, o.to}
	}
	return true, s
}

// String describes the operation for people.
func (o registerOp) String() string {
	mark := ""
	if !o.known {
		mark = " -> ?"
	}
	switch {
	case o.kind == RegisterRead && o.read == nil:
		return "read -> nothing"
	case o.kind == RegisterRead:
		return fmt.Sprintf("read -> %d", *o.read)
	case o.kind == RegisterWrite:
		return fmt.Sprintf("write %d%s", o.to, mark)
	case o.known:
		return fmt.Sprintf("cas %d to %d -> %t", o.from, o.to, o.swapped)
	}
	return fmt.Sprintf("cas %d to %d%s", o.from, o.to, mark)
}

// String describes the state for people.
func (s registerState) String() string {
	if !s.set {
		return "nothing"
	}
	return fmt.Sprint(s.value)
}

// parseRegister turns an operation into a step; ok is false for what takes no part.
func parseRegister(f *finding, o *history.Op) (step registerOp, ok bool) {
	step = registerOp{kind: o.Kind, known: o.Outcome == history.OK}
	switch o.Kind {
	case RegisterRead:
		if o.Outcome != history.OK || !o.Strong() {
			return step, false
		}
		step.read, ok = output[*int64](f, o)
	case RegisterWrite:
		step.to, ok = input[int64](f, o)
	case RegisterCAS:
		var cas CAS
		cas, ok = input[CAS](f, o)
		step.from, step.to = cas.From, cas.To
		if ok && step.known {
			step.swapped, ok = output[bool](f, o)
		}
	}
	return step, ok
}

func checkRegister(f *finding, h *history.History, cfg Config) {
	byKey := h.ByKey(RegisterRead, RegisterWrite, RegisterCAS)
	deadline := time.Now().Add(cfg.Timeout)
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		checkOneRegister(f, key, byKey[key], time.Until(deadline))
	}
	f.figure("keys", float64(len(byKey)))
}

// checkOneRegister searches for an order of one key's operations.
func checkOneRegister(f *finding, key string, all []*history.Op, left time.Duration) {
	var steps []porcupine.Operation
	reads := map[int64]bool{}
	hasCAS := false
	last := 0
	for _, o := range all {
		hasCAS = hasCAS || o.Kind == RegisterCAS
		last = max(last, o.Index)
		if o.Done != history.Forever {
			last = max(last, o.Done)
		}
		if step, ok := parseRegister(f, o); ok && step.read != nil {
			reads[*step.read] = true
		}
	}
	for _, o := range maybe(all) {
		step, ok := parseRegister(f, o)
		// A write of unknown outcome whose value nobody saw changes nothing when it is left
		// out, and each one left in doubles the search.
		unseen := step.kind == RegisterWrite && !step.known && !hasCAS && !reads[step.to]
		if !ok || unseen {
			continue
		}
		end := int64(o.Done)
		if o.Done == history.Forever {
			end = int64(last) + 1
		}
		steps = append(steps, porcupine.Operation{ClientId: o.Process, Input: step, Call: int64(o.Index),
			Output: step, Return: end})
	}
	f.Checked += len(steps)
	if left <= 0 {
		f.unsure("key %s: no time was left", key)
		return
	}
	model := registerModel()
	verdict, info := porcupine.CheckOperationsVerbose(model, steps, left)
	switch verdict {
	case porcupine.Unknown:
		f.unsure("key %s: the search through %d operations took too long", key, len(steps))
	case porcupine.Illegal:
		offending := notInOrder(all, info)
		f.wrong(offending, "key %s: no order of its %d operations explains what %s", key, len(steps),
			describeOps(f, offending))
		f.draw(key, model, info)
	}
}

// notInOrder returns the answered operations that the longest explanation has no place for.
func notInOrder(all []*history.Op, info porcupine.LinearizationInfo) []*history.Op {
	longest := map[int64]bool{}
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, order := range partition {
			if len(order) <= len(longest) {
				continue
			}
			longest = map[int64]bool{}
			for _, o := range order {
				longest[o.Call] = true
			}
		}
	}
	var out []*history.Op
	for _, o := range oked(all) {
		if !longest[int64(o.Index)] {
			out = append(out, o)
		}
		if len(out) == 3 {
			break
		}
	}
	return out
}

func describeOps(f *finding, all []*history.Op) string {
	var parts []string
	for _, o := range all {
		if step, ok := parseRegister(f, o); ok {
			parts = append(parts, fmt.Sprintf("process %d saw: %s", o.Process, step))
		}
	}
	return strings.Join(parts, "; ")
}

// draw keeps Porcupine's picture of the first key that cannot be explained.
func (f *finding) draw(key string, model porcupine.Model, info porcupine.LinearizationInfo) {
	if len(f.Files) > 0 {
		return
	}
	var page bytes.Buffer
	if err := porcupine.Visualize(model, info, &page); err != nil {
		f.unsure("key %s: picture: %v", key, err)
		return
	}
	f.Files = map[string][]byte{"register.html": page.Bytes()}
}
