//go:build linux

package cell

import (
	"context"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/chaos/nemesis"
)

// How long faults last and how much calm is between them.
const (
	shortest  = 3 * time.Second
	longest   = 9 * time.Second
	calmLeast = 1 * time.Second
	calmMost  = 5 * time.Second
)

// span draws a duration.
func (r *run) span(least, most time.Duration) time.Duration {
	return least + time.Duration(r.rng.Int64N(int64(most-least)))
}

// faults makes faults until the time is over, at least one. It returns why it could not go on.
func (r *run) faults(ctx context.Context) error {
	end := time.Now().Add(r.opts.Time)
	if r.nemesis == nil {
		return sleep(ctx, r.opts.Time)
	}
	for n := 0; n == 0 || time.Now().Before(end); n++ {
		if err := sleep(ctx, r.span(calmLeast, calmMost)); err != nil {
			return err
		}
		r.fallen()
		f, err := r.nemesis.Next(ctx)
		if err != nil {
			return err
		}
		if err := r.fault(ctx, f); err != nil {
			return err
		}
		if err := r.rig.WaitHealthy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fault puts one fault into effect and heals it. Whatever fails on the way, it is healed.
func (r *run) fault(ctx context.Context, f *nemesis.Fault) error {
	o := r.rec.Fault(f.Kind, f.Targets...)
	r.opts.Log("%s: %s %v", r.opts.cell(), f.Kind, f.Targets)
	began := f.Begin(ctx)
	if began == nil {
		_ = sleep(ctx, r.span(shortest, longest)) // it is healed in any case
	}
	effect, note, ended := f.End(ctx)
	if began != nil {
		effect, note = nil, began.Error()
		r.opts.Log("%s: %s: %v", r.opts.cell(), f.Kind, began)
	}
	o.End(history.Effect(effect), note)
	r.opts.Log("%s: %s ends: %v %s", r.opts.cell(), f.Kind, effect, note)
	if began != nil {
		return began
	}
	return ended
}
