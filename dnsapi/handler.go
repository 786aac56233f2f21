package dnsapi

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster/state"
	"holdfast/dnsapi/recursor"
	"holdfast/dnsapi/zone"
)

// logInterval is the least time between two lines about questions that could not be answered.
const logInterval = 10 * time.Second

// handler answers questions.
type handler struct {
	ctx       context.Context        // ends with the server
	cfg       atomic.Pointer[Config] // canonical; replaced at a reload
	reader    Reader
	log       *slog.Logger
	recursion recursor.Asker
	zones     *zone.Set
	waiting   chan struct{}  // a place for each question that waits for the leader
	pending   chan struct{}  // and for each UDP question that is answered beside its socket
	answering sync.WaitGroup // those
	behind    atomic.Bool    // the state may be older than what this member knew before it was started
	logged    atomic.Int64   // when a failure was logged last, Unix nanoseconds
}

func newHandler(ctx context.Context, cfg Config, r Reader, log *slog.Logger) *handler {
	h := &handler{ctx: ctx, reader: r, log: log, waiting: make(chan struct{}, maxWaiting), pending: make(chan struct{}, maxWaiting)}
	h.cfg.Store(cfg.canonical())
	h.zones = zone.NewSet(r, log)
	return h
}

// configure changes the config, and follows other zones where they are others now.
func (h *handler) configure(cfg Config) {
	old := h.cfg.Swap(cfg.canonical())
	if !reflect.DeepEqual(old.Zones, cfg.Zones) {
		h.zones.Replace(h.ctx, cfg.Zones)
	}
}

// config is what the answers depend on beside the state, at this moment.
func (h *handler) config() *Config { return h.cfg.Load() }

// ServeDNS answers one message.
func (h *handler) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	if zone.IsTransfer(req) {
		code := dns.RcodeServerFailure
		if !h.behind.Load() {
			code = h.zones.Transfer(w, req)
		}
		if code != dns.RcodeSuccess {
			_ = w.WriteMsg(bare(h.config(), req, req.IsEdns0(), code)) // a client that is gone needs no answer
		}
		return
	}
	from, udp := w.RemoteAddr().(*net.UDPAddr)
	var client netip.Addr
	if udp {
		client = from.AddrPort().Addr()
	} else if t, ok := w.RemoteAddr().(*net.TCPAddr); ok {
		client = t.AddrPort().Addr()
	}
	wire := h.answer(req, udp, client)
	if wire == nil {
		return
	}
	if _, err := w.Write(wire); err != nil {
		h.log.Debug("cannot send an answer", "to", w.RemoteAddr().String(), "error", err)
	}
}

// answer is the message that answers one message of a client, nil for silence.
func (h *handler) answer(req *dns.Msg, udp bool, client netip.Addr) []byte {
	came, c, o := time.Now(), h.config(), req.IsEdns0()
	space := roomFor(c, o, udp)
	m := h.reply(c, req, o, space, client)
	wire, err := pack(m, space, c.Truncate && udp)
	if err == nil {
		c.Metrics.answered(req, m.Rcode, came)
		return wire
	}
	c.Metrics.answered(req, dns.RcodeServerFailure, came)
	h.failed(req, err)
	wire, err = new(dns.Msg).SetRcode(req, dns.RcodeServerFailure).Pack()
	if err != nil {
		return nil // a question that cannot be repeated
	}
	return wire
}

// reply makes the reply to one message, before it is cut to size.
func (h *handler) reply(c *Config, req *dns.Msg, o *dns.OPT, space room, client netip.Addr) *dns.Msg {
	if code := refusal(req, o); code != dns.RcodeSuccess {
		return bare(c, req, o, code)
	}
	q := req.Question[0]
	n := parseName(c, strings.ToLower(q.Name))
	if n.kind == foreign {
		if s := h.zones.Of(strings.ToLower(q.Name)); s != nil {
			return h.fromZone(c, req, o, s)
		}
		return h.elsewhere(c, req, o, space)
	}
	var found records
	err := h.query(h.ctx, c, func(v *state.View) error {
		found = (&responder{ctx: h.ctx, view: v, cfg: c, name: n, owner: q.Name, client: askedFrom(o, client), qtype: q.Qtype, most: space.most()}).respond()
		return found.err
	})
	switch {
	case err != nil:
		h.failed(req, err)
		return bare(c, req, o, dns.RcodeServerFailure)
	case n.kind == reverse && found.rcode == dns.RcodeNameError: // addresses are not ours alone
		if s := h.zones.Of(strings.ToLower(q.Name)); s != nil {
			return h.fromZone(c, req, o, s)
		}
		if c.recurses() {
			return h.elsewhere(c, req, o, space)
		}
	}
	h.chase(c, &found)
	return message(c, req, o, n, found)
}

// elsewhere is the reply to a question about a name that is not ours.
func (h *handler) elsewhere(c *Config, req *dns.Msg, o *dns.OPT, space room) *dns.Msg {
	if !c.recurses() {
		return bare(c, req, o, dns.RcodeRefused)
	}
	m, err := h.recursion.Forward(h.ctx, c.recursion(), req, space.size >= dns.MaxMsgSize-1, space.size)
	if err != nil {
		h.failed(req, err)
		return bare(c, req, o, dns.RcodeServerFailure)
	}
	m.Compress = !c.DisableCompression
	return m
}

// refusal is the code for what is not a question that can be answered, or success.
func refusal(req *dns.Msg, o *dns.OPT) int {
	switch {
	case req.Opcode != dns.OpcodeQuery:
		return dns.RcodeNotImplemented
	case len(req.Question) != 1:
		return dns.RcodeFormatError
	case o != nil && o.Version() != 0:
		return dns.RcodeBadVers
	}
	q := req.Question[0]
	switch {
	case q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR:
		return dns.RcodeNotImplemented
	case q.Qclass != dns.ClassINET && q.Qclass != dns.ClassANY:
		return dns.RcodeRefused
	}
	return dns.RcodeSuccess
}

// failed logs that a question could not be answered: one in a while, they come by the thousand.
func (h *handler) failed(req *dns.Msg, err error) {
	now, last := time.Now().UnixNano(), h.logged.Load()
	if h.ctx.Err() != nil || now-last < int64(logInterval) || !h.logged.CompareAndSwap(last, now) {
		return
	}
	asked := ""
	if len(req.Question) > 0 {
		asked = req.Question[0].Name
	}
	h.log.Warn("cannot answer a question", "name", asked, "error", err)
}
