package group

import "context"

// Confirm returns nil once a voter quorum has accepted this leader after the call began (G5).
func (r *Replica) Confirm(ctx context.Context) error {
	return Confirm(ctx, r.raft, &r.leading, r.trans)
}
