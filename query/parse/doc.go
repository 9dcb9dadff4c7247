// Package parse turns the text of a Cypher query into a syntax tree, and the tree back into text.
//
// It is a hand-written lexer, a recursive descent parser for clauses and patterns, and a Pratt
// parser for expressions. It knows grammar only: whether a variable is bound, a function exists or
// an argument has the right type is judged by the planner, which refuses by name what the grammar
// accepts and the engine does not run. Clauses that write are refused here.
//
// The grammar, widest first (words in capitals are keywords, any case):
//
//	query    = [EXPLAIN | PROFILE] part { UNION [ALL] part } [";"]
//	part     = { match | unwind | call | with } return
//	match    = [OPTIONAL] MATCH path { "," path } [WHERE expr]
//	unwind   = UNWIND expr AS name
//	call     = CALL name { "." name } ["(" [exprs] ")"] [YIELD yields]
//	yields   = "*" | name [AS name] { "," name [AS name] } [WHERE expr]
//	with     = WITH project [WHERE expr]
//	return   = RETURN project
//	project  = [DISTINCT] ("*" | item) { "," item }
//	           [ORDER BY sort { "," sort }] [SKIP expr] [LIMIT expr]
//	path     = [name "="] (chain | (shortestPath | allShortestPaths) "(" chain ")")
//	chain    = vertex { edge vertex }
//	vertex   = "(" [name] [labels] [map | param] ")"
//	edge     = ["<"] "-" ["[" detail "]"] "-" [">"]
//	detail   = [name] [":" name { "|" name }] ["*" [n] [".." [n]]] [map | param]
//	labels   = ":" name { (":" | "&") name }  |  ":" name { "|" name }
//
// Operators, weakest first: OR; XOR; AND; NOT; comparison (chained); IN, STARTS WITH, ENDS WITH,
// CONTAINS, =~, IS [NOT] NULL; + - ||; * / %; ^; unary + -; label; property, index and slice.
//
// Invariants:
//
//	P1  Every element of the tree carries the byte offsets [Start, End) of the text it was read from.
//	P2  The parser never looks back: whether "(" opens a pattern and "[" a comprehension is decided
//	    by looking ahead at brackets only. Parsing time is linear in the text times the nesting.
//	P3  Text is at most MaxQueryBytes, nesting at most MaxNesting, operators at most MaxOperators:
//	    no input makes the parser, the printer or a walker of the tree exhaust the stack.
//	P4  Printing is a fixed point: Query(s.String()) gives the same tree but for positions, unless
//	    the blanks and parentheses that printing adds pass a limit.
//	P5  A tree shares no memory that the parser writes later; names and plain strings are
//	    substrings of the query text.
//	P6  Every error is an *Error that names the place. Text is judged from left to right: what is
//	    wrong further on, an unclosed string included, does not hide what is wrong before it.
package parse
