// Package localcluster starts, watches and ends real codegraphd processes on this machine: the
// clusters of `cgctl dev up` and of the tests with real processes.
//
// A cluster is a directory:
//
//	cluster.json    what it is: name, ports, program (format in state.go); the pids stand in node-K
//	ca.pem          certificates of the cluster; ca.key signs, for nodes added later
//	node-K/         data/ (the node's own), node.pem, node.key, log, pid
//
// Invariants:
//
//	LC1  A process outlives the program that started it and is found again by the directory alone.
//	LC2  A signal is sent only to a process whose command line shows that it is the codegraphd of
//	     this directory: a pid that was given to another process is never hit.
//	LC3  Private keys are readable by their owner only.
//	LC4  A node keeps its ports for as long as the directory lives.
package localcluster
