package check_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// Example records what three clients saw and lets the set checker judge it.
func Example() {
	var file bytes.Buffer // a runner uses history.Create
	head := history.Head{Cell: "set/none", Workload: "set"}
	rec := history.NewRecorder(&file, head, history.Options{})
	c := rec.Client() // one for each goroutine
	for v := range 3 {
		call := c.Invoke(history.Request{Kind: check.SetAdd, Key: "s", Value: v})
		var err error // what the database answers to the write call.ID
		if v == 1 {
			err = errors.New("deadline exceeded") // unknown: it may have happened
		}
		call.Done(history.Result{}, err)
	}
	read := c.Invoke(history.Request{Kind: check.SetRead, Key: "s", ReadOnly: true})
	read.Done(history.Result{Value: []int{0}}, nil)
	if err := rec.Close(); err != nil {
		fmt.Println(err)
	}

	h, err := history.Read(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	checkers, _ := check.For(h.Head.Workload)
	v := check.Run(h, checkers, check.Config{}) // a runner appends check.EveryRun()
	set := v.Result("set")
	fmt.Println(v.Valid, set.Count, "problem,", int(set.Figures["lost"]), "lost")
	// Output: false 1 problem, 1 lost
}
