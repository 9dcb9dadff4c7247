// Package wire turns what package query gives into messages of the API, and the parameters of a
// query into values.
//
// Invariants:
//
//	W1  What is absent stays absent: a nil symbol, edge or value is no message with empty fields.
//	W2  A parameter is null, a boolean, a number, a string, or a list or map of them; anything else
//	    is refused by name.
package wire
