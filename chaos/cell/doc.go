// Package cell runs one cell of the matrix of workloads and nemeses on a rig: it starts a cluster,
// drives traffic and faults, records everything and leaves a directory that says what came out.
//
//	phases   setup | clean: gate | faults: calm, fault, heal, health, calm ... | healed | final
//	traffic  =====================================================================
//	probes         =================================================================
//
// The directory of a run:
//
//	history.jsonl.gz   everything that was recorded; `chaos check DIR` judges it again
//	logs/n1.log ...    what the nodes wrote
//	verdict.json timeline.html latency.svg rate.svg   see package report
//
// Invariants:
//
//	CE1  Only a run whose verdict is true is good; a run that could not be made is an error.
//	CE2  A run starts with a healthy cluster and ends with one, or its verdict is false.
//	CE3  A node that ends though nobody ended it makes the verdict false.
//	CE4  A cell with a verdict at this commit and seed is not run again by a campaign.
package cell
