package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// symbol is the part of a symbol that rows show.
type symbol struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Line int    `json:"line"`
}

// relation is a symbol with the edge that leads to it.
type relation struct {
	Symbol symbol `json:"symbol"`
	Edge   edge   `json:"edge"`
	Depth  int    `json:"depth"`
}

type edge struct {
	Type  string `json:"type"`
	Sites []struct {
		Path string `json:"path"`
		Line int    `json:"line"`
	} `json:"sites"`
}

// answer is the union of what the commands print as JSON.
type answer struct {
	Symbol    symbol     `json:"symbol"`
	Symbols   []symbol   `json:"symbols"`
	Relations []relation `json:"relations"`
	Path      struct {
		Symbols []symbol `json:"symbols"`
	} `json:"path"`
	Rows [][]json.RawMessage `json:"rows"`
}

// answer asks one question and returns its rows.
func (q *question) answer(ctx context.Context, c *cluster) ([]string, error) {
	var a answer
	if err := c.ask(ctx, &a, q.ask...); err != nil {
		return nil, err
	}
	var out []string
	list := func(symbols ...symbol) {
		for _, s := range symbols {
			out = append(out, q.row(relation{Symbol: s})...)
		}
	}
	switch q.ask[0] {
	case "query":
		for _, cells := range a.Rows {
			out = append(out, joinCells(cells))
		}
	case "symbol":
		list(a.Symbol)
	case "search":
		list(a.Symbols...)
	case "path":
		list(a.Path.Symbols...)
	case "callers", "callees", "neighbors", "impact":
		for _, r := range a.Relations {
			out = append(out, q.row(r)...)
		}
	default:
		return nil, fmt.Errorf("the rows of cgctl %s are not known", q.ask[0])
	}
	return out, nil
}

// row shows a relation by the question's columns: one row, or one per site if it shows sites.
func (q *question) row(r relation) []string {
	var cells []string
	site := -1
	for i, c := range q.show {
		cell := ""
		switch c {
		case "place":
			cell = fmt.Sprintf("%s:%d", r.Symbol.Path, r.Symbol.Line)
		case "path":
			cell = r.Symbol.Path
		case "name":
			cell = r.Symbol.Name
		case "edge":
			cell = r.Edge.Type
		case "depth":
			cell = fmt.Sprint(r.Depth)
		case "at":
			site = i
		}
		cells = append(cells, cell)
	}
	if site < 0 {
		return []string{strings.Join(cells, " ")}
	}
	var out []string
	for _, s := range r.Edge.Sites {
		cells[site] = fmt.Sprintf("%s:%d", s.Path, s.Line)
		out = append(out, strings.Join(cells, " "))
	}
	return out
}

// joinCells prints a row of a query: strings without quotes.
func joinCells(cells []json.RawMessage) string {
	var parts []string
	for _, c := range cells {
		var s string
		if json.Unmarshal(c, &s) != nil {
			s = string(c)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}
