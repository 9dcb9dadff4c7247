package cluster

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/codegraphdb/codegraph/graph"
)

// Bounds of what commands may carry. EncodeCommand and Apply refuse more.
const (
	maxNodes       = 1024
	maxImports     = 1024 // open at a time
	maxPackages    = 20_000
	maxCommits     = 1024    // clients list 1,000
	maxMillis      = 1 << 45 // the year 3084
	maxName        = 256
	maxText        = 1024
	maxClusterName = 64
	maxNodeID      = 64
	maxAddr        = 300
)

// checkText refuses text that is too long, not UTF-8, or that would garble a terminal.
func checkText(what, s string, limit int) error {
	if len(s) > limit {
		return invalid("%s has %d bytes (limit %d)", what, len(s), limit)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return invalid("%s %q has characters that are not text", what, s)
	}
	return nil
}

// checkName is checkText for what must not be empty or padded.
func checkName(what, s string, limit int) error {
	if s == "" || strings.TrimSpace(s) != s {
		return invalid("%s %q is empty or has space around it", what, s)
	}
	return checkText(what, s, limit)
}

// checkNodeID also refuses what could not stand in a server id.
func checkNodeID(id string) error {
	if strings.ContainsAny(id, "/ ,") {
		return invalid("node id %q has a character that is not allowed", id)
	}
	return checkName("node id", id, maxNodeID)
}

func checkMillis(now int64) error {
	if now <= 0 || now > maxMillis {
		return invalid("time %d is not in milliseconds since 1970", now)
	}
	return nil
}

func checkImport(id graph.Timestamp, attempt uint32) error {
	if !id.IsImport() || attempt == 0 {
		return invalid("import id %s, attempt %d: not an import", id, attempt)
	}
	return nil
}

// checkIndexes wants a sorted-able list in which each shard stands once, with a real index.
func checkIndexes(what string, list []ShardIndex) error {
	if len(list) > MaxShards {
		return invalid("%d %s (limit %d)", len(list), what, MaxShards)
	}
	seen := map[uint64]bool{}
	for _, s := range list {
		if s.Shard == 0 || s.Index == 0 || seen[s.Shard] {
			return invalid("%s: shard %d at index %d: zero or listed twice", what, s.Shard, s.Index)
		}
		seen[s.Shard] = true
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Init) validate() error {
	if len(c.Nodes) > maxNodes {
		return invalid("%d founding nodes (limit %d)", len(c.Nodes), maxNodes)
	}
	_, err := Plan(c.Nodes, c.Shards, c.ReplicationFactor)
	return firstError(checkName("cluster id", c.ClusterID, maxName),
		checkName("cluster name", c.Name, maxClusterName), checkMillis(c.NowMillis), err)
}

func (c *RegisterNode) validate() error {
	return firstError(checkNodeID(c.ID), checkMillis(c.NowMillis),
		checkText("client address", c.ClientAddr, maxAddr),
		checkName("peer address", c.PeerAddr, maxAddr),
		checkText("ops address", c.OpsAddr, maxAddr),
		checkText("locality", c.Locality, maxText),
		checkText("version", c.Version, maxName))
}

func (c *OpenImport) validate() error {
	if len(c.Packages) > maxPackages || len(c.Commits) > maxCommits {
		return invalid("import of %q has %d packages (limit %d) and %d commits (limit %d)",
			c.RepoName, len(c.Packages), maxPackages, len(c.Commits), maxCommits)
	}
	for _, p := range c.Packages {
		if err := firstError(checkName("package manager", p.Manager, maxName),
			checkName("package name", p.Name, maxText)); err != nil {
			return err
		}
	}
	for _, id := range c.Commits {
		if err := checkName("commit", id, maxName); err != nil {
			return err
		}
	}
	var revision error
	if !c.Delete {
		revision = checkName("revision", c.Revision, maxName)
	}
	return firstError(revision, checkText("revision", c.Revision, maxName),
		checkName("repository name", c.RepoName, maxName),
		checkText("holder", c.Holder, maxName),
		checkName("request id", c.RequestID, maxName), checkMillis(c.NowMillis))
}

func (c *RenewImport) validate() error {
	return firstError(checkImport(c.Import, c.Attempt), checkMillis(c.NowMillis))
}

func (c *CommitImport) validate() error {
	return firstError(checkImport(c.Import, c.Attempt), checkMillis(c.NowMillis),
		checkIndexes("seals", c.Seals))
}

func (c *AbortImport) validate() error {
	return firstError(checkImport(c.Import, c.Attempt), checkMillis(c.NowMillis),
		checkText("reason", c.Reason, maxText))
}

func (c *Expire) validate() error {
	return firstError(checkMillis(c.NowMillis), checkMillis(c.LeadingMillis))
}

func (c *OutcomeDone) validate() error {
	return firstError(checkImport(c.Import, 1), checkIndexes("outcomes written", c.Shards))
}

// normalPackages returns the packages sorted, each once.
func normalPackages(list []Package) []Package {
	list = slices.Clone(list)
	slices.SortFunc(list, comparePackage)
	return slices.Compact(list)
}
