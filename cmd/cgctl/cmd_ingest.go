package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	"github.com/codegraphdb/codegraph/ingest"
)

// ingestJob is one `cgctl ingest`.
type ingestJob struct {
	root    string
	name    string
	replace bool
	workers int
}

func (a *app) ingestCommand() *cobra.Command {
	var job ingestJob
	cmd := &cobra.Command{Use: "ingest [PATH]", Short: "Take a repository's current state in",
		Long: "Take the current state of the repository at PATH (default: this directory) in. It " +
			"becomes visible at once when all of it is stored.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			job.root = "."
			if len(args) == 1 {
				job.root = args[0]
			}
			ctx := cmd.Context()
			if a.flags.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, a.flags.timeout)
				defer cancel()
			}
			return a.connect(ctx, func(ctx context.Context, c *codegraph.Client) error {
				return a.ingest(ctx, c, job)
			})
		}}
	f := cmd.Flags()
	f.StringVar(&job.name, "name", "",
		"name of the repository (default: of its git remote, else its manifest, else its directory)")
	f.BoolVar(&job.replace, "replace", false,
		"take the name even if nothing is shared with what is stored under it")
	f.IntVar(&job.workers, "workers", 0, "files read at a time (default: the number of processors)")
	return cmd
}

// ingest finds the files, takes the repository's lock, reads them, and commits.
func (a *app) ingest(ctx context.Context, c *codegraph.Client, job ingestJob) error {
	began := time.Now()
	project, err := ingest.Discover(ctx, job.root, ingest.DiscoverOptions{})
	if err != nil {
		return err
	}
	defer project.Close()
	if job.name == "" {
		job.name = project.Name
	}
	fmt.Fprintf(a.err, "# %s at %s: %d files in %s\n", job.name, shortRevision(project.Revision),
		len(project.Files), project.Root)
	open := codegraph.OpenOptions{Repo: job.name, Revision: project.Revision,
		Commits: project.Commits, Replace: job.replace}
	for _, p := range project.Packages {
		open.Packages = append(open.Packages, codegraph.Package{Manager: p.Manager, Name: p.Name})
	}
	im, err := c.OpenImport(ctx, open)
	if err != nil {
		return err
	}
	defer im.Abort("cgctl ended")
	report, err := a.readFiles(ctx, im, project, job)
	if err != nil {
		return err
	}
	if err := im.Seal(ctx); err != nil {
		return err
	}
	stats := ingestStats(report)
	at, err := im.Commit(ctx, stats)
	if err != nil {
		return err
	}
	return a.printSummary(&ingestSummary{Repo: job.name, Revision: project.Revision,
		Timestamp: fmt.Sprint(uint64(at)), Files: stats.Files, Lines: stats.Lines,
		Vertices: stats.Vertices, Edges: stats.Edges, Unresolved: stats.Unresolved,
		SkippedFiles: stats.SkippedFiles, Skipped: report.Skipped, PartialFiles: stats.PartialFiles,
		Generated: report.Generated, RowsWritten: im.Written().Rows.Load(),
		BytesWritten: im.Written().Bytes.Load(), Foreign: packageNames(im.Foreign()),
		ElapsedMillis: time.Since(began).Milliseconds()})
}

// readFiles turns files into facts and hands them to the import.
func (a *app) readFiles(ctx context.Context, im *codegraph.Import, project *ingest.Project,
	job ingestJob) (*ingest.Report, error) {
	foreign := map[codegraph.Package]bool{}
	for _, p := range im.Foreign() {
		foreign[p] = true
		fmt.Fprintf(a.err, "# package %s %s belongs to another repository; its symbols keep apart\n",
			p.Manager, p.Name)
	}
	p := newProgress(a.err)
	defer p.end()
	return ingest.Run(ctx, project, ingest.Options{Repo: im.RepoID(), Workers: job.workers,
		Foreign: func(manager, name string) bool {
			return foreign[codegraph.Package{Manager: manager, Name: name}]
		},
		Progress: p.show}, im)
}

func ingestStats(r *ingest.Report) *ingestv1.Stats {
	s := &ingestv1.Stats{Files: uint64(r.Files), PartialFiles: uint64(r.PartialAll),
		Lines: uint64(r.StoredLines), Vertices: uint64(r.Vertices), Edges: uint64(r.EdgeCount()),
		Unresolved: uint64(r.Unresolved)}
	for _, n := range r.Skipped {
		s.SkippedFiles += uint64(n)
	}
	return s
}

func packageNames(packages []codegraph.Package) []string {
	var out []string
	for _, p := range packages {
		out = append(out, p.Manager+" "+p.Name)
	}
	return out
}

// ingestSummary is what `cgctl ingest -o json` prints.
type ingestSummary struct {
	Repo          string         `json:"repo"`
	Revision      string         `json:"revision"`
	Timestamp     string         `json:"timestamp"`
	Files         uint64         `json:"files"`
	Lines         uint64         `json:"lines"`
	Vertices      uint64         `json:"vertices"`
	Edges         uint64         `json:"edges"`
	Unresolved    uint64         `json:"unresolved"`
	SkippedFiles  uint64         `json:"skipped_files"`
	Skipped       map[string]int `json:"skipped"`
	PartialFiles  uint64         `json:"partial_files"`
	Generated     int            `json:"generated_files"`
	RowsWritten   uint64         `json:"rows_written"`
	BytesWritten  uint64         `json:"bytes_written"`
	Foreign       []string       `json:"foreign_packages,omitempty"`
	ElapsedMillis int64          `json:"elapsed_millis"`
}

func (a *app) printSummary(s *ingestSummary) error {
	if a.flags.output != formatTable {
		return a.printValue(s)
	}
	seconds := float64(s.ElapsedMillis) / 1000
	t := newTable("INGESTED", s.Repo+"@"+shortRevision(s.Revision))
	t.add("files", s.Files)
	for _, reason := range slices.Sorted(maps.Keys(s.Skipped)) {
		t.add("  skipped", fmt.Sprintf("%d %s", s.Skipped[reason], reason))
	}
	if s.PartialFiles > 0 {
		t.add("  understood in part", s.PartialFiles)
	}
	if s.Generated > 0 {
		t.add("  generated", s.Generated)
	}
	t.add("lines", s.Lines)
	t.add("vertices", s.Vertices)
	t.add("edges", s.Edges)
	t.add("unresolved calls", s.Unresolved)
	t.add("rows changed", fmt.Sprintf("%d (%s)", s.RowsWritten, bytesText(s.BytesWritten)))
	t.add("time", fmt.Sprintf("%.1f s, %.0f lines/s", seconds, float64(s.Lines)/max(seconds, 0.001)))
	return a.printTable(t)
}
