package txns

import (
	"context"

	writev1 "github.com/codegraphdb/codegraph/api/codegraph/write/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/txn"
)

// Server serves WriteService.
type Server struct {
	writev1.UnimplementedWriteServiceServer
	local *Local
}

// NewServer returns the server of a node's transactions.
func NewServer(l *Local) *Server { return &Server{local: l} }

// Mutate implements WriteService.
func (s *Server) Mutate(ctx context.Context, req *writev1.MutateRequest) (
	*writev1.MutateResponse, error) {
	var id txn.ID
	if len(req.GetTransactionId()) != len(id) || txn.ID(req.GetTransactionId()) == id {
		return nil, graph.Errorf(opMutate, graph.KindInvalid,
			"a transaction id has %d bytes that are not all zero", len(id))
	}
	copy(id[:], req.GetTransactionId())
	start := graph.Timestamp(req.GetStart())
	if start.IsImport() {
		return nil, graph.Errorf(opMutate, graph.KindInvalid, "%d is no timestamp of a read", start)
	}
	r := &reading{txn: graph.TxnID(id), req: req}
	part, err := r.part()
	if err != nil {
		return nil, err
	}
	if err := s.local.cluster.Enable(ctx); err != nil {
		return nil, err
	}
	commit, err := s.local.do(ctx, id, start, part)
	if err != nil {
		return nil, err
	}
	resp := &writev1.MutateResponse{CommitTimestamp: uint64(commit), Token: uint64(commit)}
	for i := range part.Mutations {
		resp.Results = append(resp.Results, result(&part.Mutations[i].On))
	}
	return resp, nil
}

func result(on *graph.Element) *writev1.OperationResult {
	out := &writev1.OperationResult{Key: on.Vertex.Key}
	switch {
	case !on.IsEdge():
		out.VertexId = on.Vertex.ID.String()
	case on.ID != (graph.EdgeID{}):
		out.EdgeId = on.ID[:]
	}
	return out
}

// reading reads a request.
type reading struct {
	txn graph.TxnID
	req *writev1.MutateRequest
}

func malformed(format string, args ...any) error {
	return graph.Errorf(opMutate, graph.KindInvalid, format, args...)
}

// part returns what the transaction does. Operation i makes mutation i.
func (r *reading) part() (*graph.TxnPart, error) {
	p := &graph.TxnPart{}
	for i, op := range r.req.GetOperations() {
		m, err := r.mutation(i, op)
		if err != nil {
			return nil, err
		}
		if m.On.IsEdge() {
			m.Halves = graph.HalfBoth
		}
		p.Mutations = append(p.Mutations, m)
	}
	for _, c := range r.req.GetPreconditions() {
		check, err := r.check(c)
		if err != nil {
			return nil, err
		}
		p.Checks = append(p.Checks, check)
	}
	for _, lock := range r.req.GetLocks() {
		v, err := r.vertex(lock.GetVertex())
		if err != nil {
			return nil, err
		}
		p.Locks = append(p.Locks, graph.LockRequest{Vertex: v, Exclusive: lock.GetExclusive()})
	}
	if err := r.reads(p); err != nil {
		return nil, err
	}
	return p, p.Validate()
}

func (r *reading) mutation(i int, op *writev1.Operation) (m graph.Mutation, err error) {
	switch w := op.GetWhat().(type) {
	case *writev1.Operation_CreateVertex:
		m = graph.Mutation{Kind: graph.MutateCreate, Labels: w.CreateVertex.GetLabels()}
		m.On.Vertex = graph.RefOf(graph.MadeKey(r.txn, i))
		m.Set, err = properties(w.CreateVertex.GetProperties())
	case *writev1.Operation_CreateEdge:
		m.Kind = graph.MutateCreate
		m.On, err = r.edge(&writev1.EdgeRef{Source: w.CreateEdge.GetSource(),
			Type: w.CreateEdge.GetType(), Target: w.CreateEdge.GetTarget()})
		if err != nil {
			return m, err
		}
		m.On.ID = graph.EdgeIDOf(r.txn, i)
		m.Set, err = properties(w.CreateEdge.GetProperties())
	case *writev1.Operation_Set:
		m = graph.Mutation{Kind: graph.MutateSet, Labels: w.Set.GetAddLabels(),
			DropLabels: w.Set.GetRemoveLabels(), Remove: w.Set.GetRemove(),
			Replace: w.Set.GetReplace()}
		if m.On, err = r.element(w.Set.GetOn()); err != nil {
			return m, err
		}
		m.Set, err = properties(w.Set.GetProperties())
	case *writev1.Operation_Delete:
		m.Kind = graph.MutateDelete
		m.On, err = r.element(w.Delete.GetOn())
	default:
		err = malformed("operation %d says nothing", i)
	}
	return m, err
}

func (r *reading) vertex(v *writev1.VertexRef) (graph.Ref, error) {
	switch ref := v.GetRef().(type) {
	case *writev1.VertexRef_Key:
		return graph.RefOf(ref.Key), nil
	case *writev1.VertexRef_CreatedBy:
		ops, i := r.req.GetOperations(), int(ref.CreatedBy)
		if i >= len(ops) || ops[i].GetCreateVertex() == nil {
			return graph.Ref{}, malformed("operation %d creates no vertex", i)
		}
		return graph.RefOf(graph.MadeKey(r.txn, i)), nil
	}
	return graph.Ref{}, malformed("a vertex is not named")
}

func (r *reading) edge(e *writev1.EdgeRef) (x graph.Element, err error) {
	if x.Vertex, err = r.vertex(e.GetSource()); err != nil {
		return x, err
	}
	if x.Other, err = r.vertex(e.GetTarget()); err != nil {
		return x, err
	}
	if x.Type = e.GetType(); x.Type == "" {
		return x, malformed("an edge has no type")
	}
	if t, ok := graph.ParseEdgeType(x.Type); ok {
		x.Type = t.String()
	}
	if id := e.GetId(); len(id) != 0 && copy(x.ID[:], id) != len(id) || len(id)%len(x.ID) != 0 {
		return x, malformed("the id of an edge has %d bytes", len(id))
	}
	return x, nil
}

func (r *reading) element(e *writev1.Element) (graph.Element, error) {
	if e.GetEdge() != nil {
		return r.edge(e.GetEdge())
	}
	v, err := r.vertex(e.GetVertex())
	return graph.Element{Vertex: v}, err
}

func (r *reading) check(c *writev1.Precondition) (out graph.Check, err error) {
	if out.On, err = r.element(c.GetOn()); err != nil {
		return out, err
	}
	switch d := c.GetDemand().(type) {
	case *writev1.Precondition_Exists:
		out.Kind = graph.CheckExists
	case *writev1.Precondition_Absent:
		out.Kind = graph.CheckAbsent
	case *writev1.Precondition_UnchangedSince:
		out.Kind, out.Since = graph.CheckUnchanged, graph.Timestamp(d.UnchangedSince)
	case *writev1.Precondition_Equals:
		out.Kind, out.Property = graph.CheckEquals, d.Equals.GetProperty()
		if d.Equals.GetValue() != nil {
			out.Value, err = value(d.Equals.GetValue())
		}
	default:
		err = malformed("a precondition demands nothing")
	}
	return out, err
}

// reads adds the read set, if it is to be validated.
func (r *reading) reads(p *graph.TxnPart) error {
	if !r.req.GetValidate() {
		return nil
	}
	if r.req.GetStart() == 0 {
		return malformed("a read set is validated since the timestamp of the read: start is zero")
	}
	for _, e := range r.req.GetReads() {
		var out graph.ReadEntry
		var v graph.Ref
		var err error
		switch w := e.GetWhat().(type) {
		case *writev1.ReadEntry_Vertex:
			v, err = r.vertex(w.Vertex)
			out = graph.ReadEntry{Kind: graph.ReadVertex, Vertex: v.ID}
		case *writev1.ReadEntry_Edges:
			v, err = r.vertex(w.Edges.GetVertex())
			out = graph.ReadEntry{Kind: graph.ReadEdges, Vertex: v.ID, Type: w.Edges.GetType(),
				Out: w.Edges.GetDirection() != writev1.Direction_DIRECTION_IN}
		case *writev1.ReadEntry_Label:
			out = graph.ReadEntry{Kind: graph.ReadIndex, Index: graph.IndexLabel, Value: w.Label}
		case *writev1.ReadEntry_Name:
			out = graph.ReadEntry{Kind: graph.ReadIndex, Index: graph.IndexName, Value: w.Name}
		default:
			err = malformed("an entry of the read set says nothing")
		}
		if err != nil {
			return err
		}
		p.Reads = append(p.Reads, out)
	}
	return nil
}

func properties(in map[string]*writev1.Value) (graph.Properties, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := graph.Properties{}
	for name, v := range in {
		got, err := value(v)
		if err != nil {
			return nil, err
		}
		out[name] = got
	}
	return out, nil
}

func value(v *writev1.Value) (any, error) {
	switch k := v.GetKind().(type) {
	case *writev1.Value_BoolValue:
		return k.BoolValue, nil
	case *writev1.Value_IntValue:
		return k.IntValue, nil
	case *writev1.Value_FloatValue:
		return k.FloatValue, nil
	case *writev1.Value_StringValue:
		return k.StringValue, nil
	case *writev1.Value_ListValue:
		list := make([]any, 0, len(k.ListValue.GetValues()))
		for _, x := range k.ListValue.GetValues() {
			got, err := value(x)
			if err != nil {
				return nil, err
			}
			list = append(list, got)
		}
		return list, nil
	}
	return nil, malformed("a property has no value")
}
