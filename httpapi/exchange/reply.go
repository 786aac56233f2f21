package exchange

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast/cluster"
)

// Reply is what an endpoint answers.
type Reply struct {
	Status      int    // 0 means 200
	Body        any    // encoded as JSON; nil means: no body, unless raw is given
	Raw         []byte // the body as it is, of a client's making
	Stream      Stream // the body where it takes as long as the client wants; Body and Raw count for nothing then
	ContentType string // of Raw and Stream
	Meta        *cluster.QueryMeta
	Index       uint64 // of an answer that is not of the state and has no Meta; 0 means none
	consistency bool   // the answer names its effective consistency
	cached      bool   // Consul's agent keeps such answers, and gives them to who asks with cached
	Reason      string // why the status is what it is, in a word for X-Consul-Reason; "" for none
	Hash        string // the hash of the content, where the answer has one
	After       func() // runs once the client has the answer
}

// Answer is a reply with a body and nothing else to say.
func Answer(body any) (*Reply, error) { return &Reply{Body: body}, nil }

// Found is the answer of a read, or its error.
func Found(body any, meta cluster.QueryMeta, err error) (*Reply, error) {
	if err != nil {
		return nil, err
	}
	return &Reply{Body: body, Meta: &meta}, nil
}

// FoundConsistently is found with the effective consistency, as the catalog's families say it.
func FoundConsistently(body any, meta cluster.QueryMeta, err error) (*Reply, error) {
	rep, err := Found(body, meta, err)
	if err == nil {
		rep.consistency = true
	}
	return rep, err
}

// FoundCached is FoundConsistently for the answer of a read with CachedOptions.
func FoundCached(body any, meta cluster.QueryMeta, err error) (*Reply, error) {
	rep, err := FoundConsistently(body, meta, err)
	if err == nil {
		rep.cached = true
	}
	return rep, err
}

// Done is the answer of a write that went well.
func Done(err error) (*Reply, error) {
	if err != nil {
		return nil, err
	}
	return Answer(true)
}

// Appender is a body that encodes itself, for answers that must be cheap.
type Appender interface{ AppendJSON(b []byte) []byte }

// Encoded is a body that has been encoded, and may be answered to many.
type Encoded struct {
	json []byte
	err  error
}

// Encode encodes a body once for all.
func Encode(body any) Encoded {
	b := new(bytes.Buffer)
	err := encodeJSON(b, body)
	return Encoded{json: b.Bytes(), err: err}
}

func encodeJSON(b *bytes.Buffer, body any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder's newline: some clients compare the whole body
	return nil
}

const (
	gzipFrom       = 1024     // smaller bodies fit into one packet anyway
	keepBuffer     = 1 << 20  // larger buffers are not kept for the next answer
	slowWriteFrom  = 64 << 10 // smaller answers go into the socket's buffer at once
	slowWriteLimit = 2 * time.Minute
)

var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	zippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
)

func buffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) }

func recycle(b *bytes.Buffer) {
	if b.Cap() <= keepBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// write sends the reply.
func (p *Reply) write(w http.ResponseWriter, r *Request) error {
	if p.Stream != nil {
		return p.stream(w, r)
	}
	if list, ok := p.Body.(LongList); ok && list.Size() >= longFrom {
		return p.writeLong(w, r, list)
	}
	b := buffer()
	defer recycle(b)
	body, err := p.encode(b, r)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return err
	}
	h := w.Header()
	p.head(h)
	p.cacheHead(h, r)
	if len(body) >= gzipFrom && acceptsGzip(r.Header) {
		z := buffer()
		defer recycle(z)
		compress(z, body)
		body = z.Bytes()
		h["Content-Encoding"] = []string{"gzip"}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	if len(body) >= slowWriteFrom {
		rc := http.NewResponseController(w)
		_ = rc.SetWriteDeadline(time.Now().Add(slowWriteLimit)) // without deadlines a slow client is bounded by nothing else
		defer func() { _ = rc.SetWriteDeadline(time.Time{}) }()
	}
	_, err = w.Write(body)
	return err
}

// encode is the body in bytes, which belong to b or to the reply.
func (p *Reply) encode(b *bytes.Buffer, r *Request) ([]byte, error) {
	var body []byte
	switch v := p.Body.(type) {
	case nil:
		return p.Raw, nil
	case Encoded:
		if body = v.json; v.err != nil {
			return nil, v.err
		}
	case Appender:
		b.Write(v.AppendJSON(b.AvailableBuffer()))
		body = b.Bytes()
	default:
		if err := encodeJSON(b, v); err != nil {
			return nil, err
		}
		body = b.Bytes()
	}
	if r.pretty() {
		out := new(bytes.Buffer)
		if err := json.Indent(out, body, "", indent); err != nil {
			return nil, err
		}
		out.WriteByte('\n')
		return out.Bytes(), nil
	}
	return body, nil
}

// head writes the headers that the reply asks for.
func (p *Reply) head(h http.Header) {
	switch {
	case p.Body != nil:
		h["Content-Type"] = []string{"application/json"}
	case p.ContentType != "":
		h["Content-Type"] = []string{p.ContentType}
		h["X-Content-Type-Options"] = []string{"nosniff"}
		h["Content-Security-Policy"] = []string{"sandbox"} // a value is a client's, and no page of ours
	}
	if p.Reason != "" {
		h["X-Consul-Reason"] = []string{p.Reason}
	}
	if p.Hash != "" {
		h["X-Consul-Contenthash"] = []string{p.Hash}
	}
	if p.Index > 0 {
		h["X-Consul-Index"] = []string{strconv.FormatUint(p.Index, 10)}
	}
	m := p.Meta
	if m == nil {
		return
	}
	h["X-Consul-Index"] = []string{strconv.FormatUint(max(m.Index, 1), 10)}
	h["X-Consul-Knownleader"] = []string{strconv.FormatBool(m.KnownLeader)}
	h["X-Consul-Lastcontact"] = []string{strconv.FormatInt(max(m.LastContact.Milliseconds(), 0), 10)}
	h["X-Consul-Default-Acl-Policy"] = []string{"allow"}
	if p.consistency {
		h["X-Consul-Effective-Consistency"] = []string{m.Consistency.String()}
	}
}

// cacheHead says how old an answer is that was asked for with cached: it is kept up to date for as long as there is a leader.
func (p *Reply) cacheHead(h http.Header, r *Request) {
	if !p.cached || p.Meta == nil || !r.Has("cached") {
		return
	}
	age := time.Duration(0)
	if !p.Meta.KnownLeader {
		age = max(p.Meta.LastContact, 0)
	}
	h["X-Cache"], h["Age"] = []string{"HIT"}, []string{strconv.FormatInt(int64(age/time.Second), 10)}
	h["X-Consul-Effective-Consistency"] = []string{r.Options.Consistency.String()}
}

func compress(to *bytes.Buffer, body []byte) {
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(to)
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
}

// acceptsGzip reports whether the client takes gzip: named, or by a star, and not with a weight of 0.
func acceptsGzip(h http.Header) bool {
	for part := range strings.SplitSeq(h.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name = strings.TrimSpace(name); name != "*" && !strings.EqualFold(name, "gzip") && !strings.EqualFold(name, "x-gzip") {
			continue
		}
		q, isWeight := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
		f, err := strconv.ParseFloat(q, 64)
		return !isWeight || (err == nil && f > 0)
	}
	return false
}
