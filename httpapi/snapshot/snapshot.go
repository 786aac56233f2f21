package snapshot

import (
	"bufio"
	"context"
	"io"
	"net/http"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// Archives takes the state out of the cluster and puts it back.
type Archives interface {
	// Snapshot is the state as fresh as the options ask; it is written out while writes go on.
	Snapshot(ctx context.Context, opts cluster.QueryOptions) (io.WriterTo, cluster.QueryMeta, error)
	// Restore reads an archive to its end, checks it, and replaces the state by it.
	Restore(ctx context.Context, opts cluster.WriteOptions, archive io.Reader) error
}

// snapshotHandler answers /v1/snapshot.
type snapshotHandler struct{ archives Archives }

// Routes are the endpoints of /v1/snapshot.
func Routes(archives Archives) exchange.Routes {
	h := &snapshotHandler{archives}
	return exchange.Routes{"/v1/snapshot": {http.MethodGet: h.save, http.MethodPut: h.restore}}
}

// chunk is how much of an archive is sent at once.
const chunk = 64 << 10

func (h *snapshotHandler) save(r *exchange.Request) (*exchange.Reply, error) {
	opts := r.Options
	opts.MinIndex = 0 // a snapshot does not wait for another one
	s, meta, err := h.archives.Snapshot(r.Context(), opts)
	if err != nil {
		return nil, err
	}
	return &exchange.Reply{Meta: &meta, ContentType: "application/x-gzip", Stream: func(_ context.Context, w io.Writer) error {
		b := bufio.NewWriterSize(w, chunk)
		if _, err := s.WriteTo(b); err != nil {
			return err
		}
		return b.Flush()
	}}, nil
}

func (h *snapshotHandler) restore(r *exchange.Request) (*exchange.Reply, error) {
	if err := h.archives.Restore(r.Context(), r.WriteOptions(), r.LongBody()); err != nil {
		return nil, err
	}
	return &exchange.Reply{}, nil
}
