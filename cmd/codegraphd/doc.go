package main

// Two commands run a node: `start` takes every setting as a flag, an environment variable or a key
// of a file (node.Settings is the one table); `dev` runs a single node that needs no setting.
// Exit codes: 0 stopped in order, 1 failed, 2 wrong usage.
