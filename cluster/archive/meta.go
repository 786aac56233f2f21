package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/cluster"
)

// metaVersion is the version of meta.json, which is that of Consul's.
const metaVersion = 1

// maxMeta bounds meta.json: a thousand servers fit.
const maxMeta = 1 << 20

// Meta says what a snapshot is of. The names of its fields in meta.json are Consul's.
type Meta struct {
	Version            int
	ID                 string // term, index and time, as "2-131-1767225600000"
	Index              uint64 // of the state
	Term               uint64
	Configuration      Configuration
	ConfigurationIndex uint64
	Size               int64 // of state.bin
}

// Configuration is the peer set when the snapshot was taken. A restore leaves the peer set of the cluster as it is.
type Configuration struct {
	Servers []Server
}

// Server is a member of the peer set.
type Server struct {
	Suffrage int // 0 for a voter, 1 for others
	ID       string
	Address  string
}

// New is the Meta of a snapshot that is being taken.
func New(index, term uint64, at time.Time) Meta {
	return Meta{Version: metaVersion, ID: fmt.Sprintf("%d-%d-%d", term, index, at.UnixMilli()), Index: index, Term: term}
}

// encode is meta.json.
func (m *Meta) encode() ([]byte, error) {
	b, err := json.Marshal(m)
	return append(b, '\n'), err
}

// decodeMeta reads meta.json. Fields that are not known are left out: Consul's has some more.
func decodeMeta(b []byte) (Meta, error) {
	var m Meta
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&m); err != nil || d.More() {
		return m, cluster.Errorf(cluster.Invalid, "meta.json of the snapshot cannot be read: it is not the JSON of one object with the fields ID, Index, Term, Version and Size")
	}
	switch {
	case m.Version != metaVersion:
		return m, cluster.Errorf(cluster.Invalid, "meta.json of the snapshot has Version %d and this agent reads %d: restore it with the release that saved it", m.Version, metaVersion)
	case m.Size <= 0:
		return m, cluster.Errorf(cluster.Invalid, "meta.json of the snapshot says that its state has %d bytes", m.Size)
	}
	return m, nil
}
