package parse

import "strings"

// tok is the kind of a token.
type tok uint8

const (
	tokEOF tok = iota
	tokError
	tokIdent
	tokQuoted
	tokInt
	tokFloat
	tokString
	tokParam
	tokLParen
	tokRParen
	tokLBracket
	tokRBracket
	tokLBrace
	tokRBrace
	tokComma
	tokSemicolon
	tokColon
	tokDot
	tokDotDot
	tokBar
	tokConcat
	tokAmp
	tokPlus
	tokMinus
	tokStar
	tokSlash
	tokPercent
	tokCaret
	tokEq
	tokNeq
	tokLt
	tokLe
	tokGt
	tokGe
	tokRegex
	tokCount
)

// tokNames says how a token is named in an error message.
var tokNames = [tokCount]string{
	tokEOF: "end of query", tokIdent: "a name", tokQuoted: "a name", tokInt: "a whole number",
	tokFloat: "a number", tokString: "a string", tokParam: "a parameter",
	tokLParen: `"("`, tokRParen: `")"`, tokLBracket: `"["`, tokRBracket: `"]"`,
	tokLBrace: `"{"`, tokRBrace: `"}"`, tokComma: `","`, tokSemicolon: `";"`, tokColon: `":"`,
	tokDot: `"."`, tokDotDot: `".."`, tokBar: `"|"`, tokConcat: `"||"`, tokAmp: `"&"`,
	tokPlus: `"+"`, tokMinus: `"-"`, tokStar: `"*"`, tokSlash: `"/"`, tokPercent: `"%"`,
	tokCaret: `"^"`, tokEq: `"="`, tokNeq: `"<>"`, tokLt: `"<"`, tokLe: `"<="`, tokGt: `">"`,
	tokGe: `">="`, tokRegex: `"=~"`,
}

// token is one lexical element; kw is set when an unquoted name spells a keyword.
type token struct {
	kind       tok
	kw         keyword
	start, end uint32
}

// keyword is a word with a meaning in the grammar. Those before kwLastReserved cannot be the name
// of a variable unless quoted; any of them can be a label, a type, a property or a function.
type keyword uint8

const (
	notKeyword keyword = iota
	kwMatch
	kwOptional
	kwWhere
	kwWith
	kwReturn
	kwUnwind
	kwUnion
	kwOrder
	kwSkip
	kwLimit
	kwAs
	kwAnd
	kwOr
	kwXor
	kwNot
	kwIn
	kwIs
	kwStarts
	kwEnds
	kwContains
	kwCase
	kwWhen
	kwThen
	kwElse
	kwTrue
	kwFalse
	kwNull
	kwDistinct
	kwCreate
	kwMerge
	kwDelete
	kwDetach
	kwLastReserved
	kwSet
	kwRemove
	kwForeach
	kwLoad
	kwUse
	kwEnd
	kwBy
	kwAll
	kwAny
	kwNone
	kwSingle
	kwReduce
	kwExists
	kwCount
	kwShortest
	kwAllShortest
	kwCall
	kwYield
	kwAsc
	kwAscending
	kwDesc
	kwDescending
	kwExplain
	kwProfile
	keywordCount
)

var keywordNames = [keywordCount]string{
	kwMatch: "MATCH", kwOptional: "OPTIONAL", kwWhere: "WHERE", kwWith: "WITH",
	kwReturn: "RETURN", kwUnwind: "UNWIND", kwUnion: "UNION", kwOrder: "ORDER", kwSkip: "SKIP",
	kwLimit: "LIMIT", kwAs: "AS", kwAnd: "AND", kwOr: "OR", kwXor: "XOR", kwNot: "NOT",
	kwIn: "IN", kwIs: "IS", kwStarts: "STARTS", kwEnds: "ENDS", kwContains: "CONTAINS",
	kwCase: "CASE", kwWhen: "WHEN", kwThen: "THEN", kwElse: "ELSE", kwTrue: "TRUE",
	kwFalse: "FALSE", kwNull: "NULL", kwDistinct: "DISTINCT", kwCreate: "CREATE",
	kwMerge: "MERGE", kwDelete: "DELETE", kwDetach: "DETACH", kwSet: "SET",
	kwRemove: "REMOVE", kwForeach: "FOREACH", kwLoad: "LOAD", kwUse: "USE", kwEnd: "END",
	kwBy: "BY", kwAll: "ALL", kwAny: "ANY", kwNone: "NONE", kwSingle: "SINGLE",
	kwReduce: "REDUCE", kwExists: "EXISTS", kwCount: "COUNT", kwShortest: "SHORTESTPATH",
	kwAllShortest: "ALLSHORTESTPATHS", kwCall: "CALL", kwYield: "YIELD", kwAsc: "ASC",
	kwAscending: "ASCENDING", kwDesc: "DESC", kwDescending: "DESCENDING",
	kwExplain: "EXPLAIN", kwProfile: "PROFILE",
}

// keywordsByName is keywordNames turned round; it is never written after it was made.
var keywordsByName = func() map[string]keyword {
	m := make(map[string]keyword, keywordCount)
	for k, name := range keywordNames {
		if name != "" {
			m[name] = keyword(k)
		}
	}
	return m
}()

// maxKeywordLen is the length of the longest keyword, ALLSHORTESTPATHS.
const maxKeywordLen = 16

// lookupKeyword finds the keyword that word spells in any case.
func lookupKeyword(word string) keyword {
	if len(word) < 2 || len(word) > maxKeywordLen {
		return notKeyword
	}
	var upper [maxKeywordLen]byte
	for i := 0; i < len(word); i++ {
		c := word[i]
		switch {
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case c < 'A' || c > 'Z':
			return notKeyword
		}
		upper[i] = c
	}
	return keywordsByName[string(upper[:len(word)])]
}

// reserved tells whether the keyword must be quoted to be a variable.
func (k keyword) reserved() bool { return k != notKeyword && k < kwLastReserved }

// write tells whether the keyword starts a clause that changes the graph.
func (k keyword) write() bool {
	switch k {
	case kwCreate, kwMerge, kwDelete, kwDetach, kwSet, kwRemove, kwForeach:
		return true
	}
	return false
}

// plainName tells whether name can be printed without backticks as a variable (strict) or as a
// label, type or property.
func plainName(name string, strict bool) bool {
	for i, r := range name {
		if i == 0 && !identStart(r) || i > 0 && !identPart(r) {
			return false
		}
	}
	return name != "" && !(strict && lookupKeyword(name).reserved())
}

// quoteName puts name in backticks, doubling those inside.
func quoteName(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}
