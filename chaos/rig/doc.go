// Package rig runs a cluster of real codegraphd processes in which everything can be broken: each
// node has a network namespace and, if asked, a disk of its own.
//
//	runner's namespaces (net, mount, pid; see Sandbox)
//	  br0 10.77.0.1 -- clients run here
//	   |-- v1 ==== eth0 10.77.0.11  namespace of node 1    node-1/data = ext4 in a file, loop-mounted
//	   |-- v2 ==== eth0 10.77.0.12  namespace of node 2    node-2/data
//	   '-- v3 ==== eth0 10.77.0.13  namespace of node 3    node-3/data
//
// Invariants:
//
//	RG1  Nothing outlives the runner, however it ends: processes, interfaces, rules and mounts are in
//	     its namespaces, which the kernel takes down; a guard outside of them thaws frozen disks and
//	     deletes the files.
//	RG2  Nothing of the machine is touched: all addresses and rules are in namespaces of the rig.
//	RG3  Every fault can be measured: packets that a cut has dropped, bytes of a canary that a power
//	     loss took, a write that a stall held up.
//	RG4  A node that ends by itself is noticed, and told from one that a nemesis has ended.
package rig
