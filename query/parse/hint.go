package parse

import "strings"

// hint is the advice for the unexpected current token, or "".
func (p *parser) hint() string {
	for _, advice := range []func(*parser) string{
		foreignOperator, foreignWord, clauseOrder, reservedName, closestWord,
	} {
		if h := advice(p); h != "" {
			return h
		}
	}
	return ""
}

// foreignOperator recognises operators of other languages.
func foreignOperator(p *parser) string {
	if p.i == 0 {
		return ""
	}
	prev := p.tokens[p.i-1]
	adjacent := prev.end == p.cur.start
	switch {
	case p.cur.kind == tokEq && prev.kind == tokEq && adjacent:
		return "equality is written ="
	case p.cur.kind == tokAmp && p.ahead(1) == tokAmp:
		return "conjunction is written AND"
	case p.cur.kind == tokColon && prev.kind == tokColon && adjacent:
		return "a label or type follows a single colon"
	}
	return ""
}

// foreignWord recognises the words of SQL.
func foreignWord(p *parser) string {
	if p.cur.kind != tokIdent {
		return ""
	}
	switch strings.ToUpper(p.text[p.cur.start:p.cur.end]) {
	case "SELECT", "FROM":
		return "a query reads MATCH ... WHERE ... RETURN ..."
	case "GROUP":
		return "rows are grouped by the items that are not aggregated; there is no GROUP BY"
	case "HAVING":
		return "filter aggregates with WITH ... WHERE ..."
	case "LIKE":
		return "use STARTS WITH, ENDS WITH, CONTAINS or =~"
	case "OFFSET":
		return "use SKIP"
	}
	return ""
}

// clauseOrder explains parts of a projection that come too late.
func clauseOrder(p *parser) string {
	switch {
	case p.cur.kw == kwOrder && p.wants.has(wordTerm(kwLimit)):
		return "ORDER BY comes before SKIP and LIMIT"
	case p.cur.kw == kwOrder || p.cur.kw == kwSkip:
		if p.seen(kwLimit) {
			return "the order is ORDER BY, SKIP, LIMIT"
		}
	case p.cur.kw == kwWhere && p.wants.has(wordTerm(kwUnion)):
		return "filter before RETURN, or with WITH ... WHERE ..."
	}
	return ""
}

// seen tells whether the keyword stands before the current token.
func (p *parser) seen(kw keyword) bool {
	for _, t := range p.tokens[:p.i] {
		if t.kw == kw {
			return true
		}
	}
	return false
}

// reservedName explains that a keyword cannot be a variable.
func reservedName(p *parser) string {
	if p.cur.kw.reserved() && p.wants.has(termName) && !p.wants.has(termExpr) {
		word := p.text[p.cur.start:p.cur.end]
		return strings.ToUpper(word) + " is a reserved word; to use it as a name write `" + word + "`"
	}
	return ""
}

// closestWord asks whether a keyword was misspelt: the current word, or the one before it that was
// taken for a name.
func closestWord(p *parser) string {
	wanted := func(yield func(string) bool) {
		for kw := notKeyword + 1; kw < keywordCount; kw++ {
			in := p.wants.has(wordTerm(kw)) || operatorWord(kw) && p.wants.has(termOperator)
			if in && keywordNames[kw] != "" && !yield(keywordNames[kw]) {
				return
			}
		}
	}
	if p.cur.kind == tokIdent && p.cur.kw == notKeyword {
		if s := suggest(p.text[p.cur.start:p.cur.end], wanted); s != "" {
			return "did you mean " + s + "?"
		}
	}
	if p.i == 0 || p.tokens[p.i-1].kind != tokIdent || p.tokens[p.i-1].kw != notKeyword {
		return ""
	}
	word := p.text[p.tokens[p.i-1].start:p.tokens[p.i-1].end]
	if s := suggest(word, mistakable); s != "" {
		return `did you mean ` + s + ` instead of "` + word + `"?`
	}
	return ""
}

// operatorWord tells whether the keyword is or starts an operator.
func operatorWord(kw keyword) bool {
	switch kw {
	case kwAnd, kwOr, kwXor, kwIn, kwIs, kwStarts, kwEnds, kwContains:
		return true
	}
	return false
}

// mistakable yields the keywords that, misspelt, read as a name.
func mistakable(yield func(string) bool) {
	for _, kw := range []keyword{
		kwMatch, kwWhere, kwReturn, kwUnwind, kwDistinct, kwCase, kwWhen, kwNot, kwNull, kwWith,
		kwOptional, kwOrder, kwLimit, kwSkip,
	} {
		if !yield(keywordNames[kw]) {
			return
		}
	}
}
