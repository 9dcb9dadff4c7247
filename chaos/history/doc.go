// Package history records what clients and nemeses did to a cluster in one append-only file, and
// reads it back for the checkers, which never see anything else.
//
// A file is JSON lines, gzipped if its name ends in .gz. Each line carries its number, the
// microseconds since the start by a monotonic clock and, beside them, the wall clock:
//
//	{"i":0,"t":0,"type":"head","head":{"cell":"set/kill","workload":"set","nemesis":"kill"}}
//	{"i":1,"t":0,"type":"phase","phase":"clean"}
//	{"i":2,"t":90,"type":"invoke","p":1,"op":"set.add","key":"s","id":"o2","value":7}
//	{"i":3,"t":340,"type":"ok","p":1,"at":{"ts":881,"shards":[{"shard":3,"epoch":1,"applied":42}]}}
//	{"i":4,"t":400,"type":"fault","fault":{"id":1,"kind":"kill","targets":["n2"],"stage":"begin"}}
//	{"i":5,"t":900,"type":"fault","fault":{"id":1,"stage":"end","effect":{"killed":1}}}
//	{"i":6,"t":950,"type":"seen","seen":{"kind":"digest","node":"n1","shard":3,"value":"ab"}}
//	{"i":7,"t":990,"type":"end"}
//
// Writing one:
//
//	rec, err := history.Create("run/history.jsonl.gz", history.Head{Cell: "set/kill", Seed: 7})
//	rec.Phase(history.Clean)
//	c := rec.Client()                       // one per worker goroutine
//	call := c.Invoke(history.Request{Kind: "set.add", Key: "s", Value: 7})
//	token, err := db.Add(ctx, call.ID, 7)
//	call.Done(history.Result{At: history.At{Timestamp: token}}, err)
//	f := rec.Fault("kill", "n2")            // the nemesis
//	f.End(history.Effect{"killed": 1}, "exit status -9")
//	err = rec.Close()                       // the first error of all calls above
//
// Reading it back: h, err := history.Open("run/history.jsonl.gz"), then check.Run(h, ...).
//
// Invariants:
//
//	H1  The number of the line is the real-time order: an operation that completed on an earlier
//	    line than another was invoked on had ended before the other began. The clocks are for plots.
//	H2  What is not known to have failed is `info`, never `fail`: it may take effect at any later
//	    time. OutcomeOf is the one place that decides it.
//	H3  A process has one operation under way, and none ever again after `info`. A Client takes a
//	    new process by itself.
//	H4  Reading is strict: unknown fields, a gap in the numbers, time that runs backwards, a
//	    completion that nobody invoked and a process that goes on after `info` are errors.
//	H5  A file whose last line is cut, or that lacks its end line, says so in History.Cut; what was
//	    under way then is `info`. A cut history is never a good one.
//	H6  Every fault ends with its measured effect. No effect means that nothing was tested.
package history
