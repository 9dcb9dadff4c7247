package shard

import "github.com/cockroachdb/pebble/v2"

// Shared are the caches that the replicas of a node share.
type Shared struct {
	cache *pebble.Cache
	files *pebble.FileCache
}

// File handles kept open over all replicas of a node.
const (
	fileCacheShards = 8
	fileCacheFiles  = 4096
)

// NewShared returns caches with so many bytes of blocks.
func NewShared(cacheBytes int64) *Shared {
	return &Shared{pebble.NewCache(cacheBytes), pebble.NewFileCache(fileCacheShards, fileCacheFiles)}
}

// Apply makes the replicas that are opened with o use the caches.
func (s *Shared) Apply(o *Options) { o.Cache, o.FileCache = s.cache, s.files }

// Close gives the caches back; replicas that are still open keep them.
func (s *Shared) Close() {
	s.files.Unref()
	s.cache.Unref()
}
