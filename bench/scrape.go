package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// reading is one line of a node's metrics.
type reading struct {
	name, labels string
	value        float64
}

// scrape reads the metrics of the node whose ops port this is.
func scrape(ctx context.Context, ops string) ([]reading, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ops+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("metrics of %s: %s", ops, resp.Status)
	}
	return parseMetrics(resp.Body)
}

func parseMetrics(r io.Reader) ([]reading, error) {
	var out []reading
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text := lines.Text()
		cut := strings.LastIndexByte(text, ' ')
		if cut < 0 || strings.HasPrefix(text, "#") {
			continue
		}
		v, err := strconv.ParseFloat(text[cut+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: %q: %w", text, err)
		}
		name, labels, _ := strings.Cut(text[:cut], "{")
		out = append(out, reading{name, strings.TrimSuffix(labels, "}"), v})
	}
	return out, lines.Err()
}
