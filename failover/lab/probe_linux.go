package lab

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/packet"

	"holdfast/failover/lab/echo"
	"holdfast/failover/lab/witness"
)

// ProbeOptions say what to watch. VIP alone is needed.
type ProbeOptions struct {
	VIP     netip.Addr
	Port    uint16        // on which the machines' services answer; default DefaultPort
	Network string        // default is the lab's first
	From    string        // the machine that asks by normal routing; default is the client
	Period  time.Duration // between two rounds of questions; default 3 ms
}

// DefaultPort is where a Probe expects the machines' services.
const DefaultPort = 7777

const (
	defaultPeriod = 3 * time.Millisecond
	patience      = 50 * time.Millisecond
	minGap        = 12 * time.Millisecond
)

// Probe watches a virtual IP as a client sees it, and who serves it as nobody else can. The package comment says how it judges.
type Probe struct {
	lab  *Lab
	opts ProbeOptions
	id   uint16

	segment  *segment
	client   *net.UDPConn // on the client: asks by normal routing
	observer *net.UDPConn // on the observer: hears what the machines answer to unicast questions
	wire     *packet.Conn // on the observer: asks who has the address, and asks each machine by its hardware address
	macs     map[string]string

	began   time.Time
	base    time.Duration // began, on the shared clock
	ended   time.Duration // when the probe was closed
	stopped atomic.Bool   // it asks no more
	deaf    atomic.Bool   // nor does it listen
	wg      sync.WaitGroup

	mu      sync.Mutex                          // guards following
	asks    []witness.Ask                       // of the client
	unicast []witness.Track                     // by machine
	rounds  []witness.Ask                       // of the observer: who has the address
	owners  map[string]map[uint32]time.Duration // by who claims to have it and round: when that was heard
}

// NewProbe describes a probe. Open starts it.
func (l *Lab) NewProbe(o ProbeOptions) *Probe {
	o.Port = cmp.Or(o.Port, DefaultPort)
	o.Period = cmp.Or(o.Period, defaultPeriod)
	o.From = cmp.Or(o.From, l.opts.Client)
	return &Probe{lab: l, opts: o}
}

// Open starts to ask.
func (p *Probe) Open(ctx context.Context) error {
	if err := p.prepare(); err != nil {
		return err
	}
	if err := p.listen(ctx); err != nil {
		p.closeSockets()
		return fmt.Errorf("probe %s: %w", p.opts.VIP, err)
	}
	p.began, p.base = time.Now(), echo.Monotonic()
	p.stopped.Store(false)
	p.deaf.Store(false)
	for _, loop := range []func(){
		func() { p.hear(p.client, p.heardClient) },
		func() { p.hear(p.observer, p.heardUnicast) },
		p.hearOwners,
		func() { p.every(p.askAround) },
		func() { p.every(p.askByRoute) }, // on its own: a client whose send buffer is full waits
	} {
		p.wg.Go(func() { echo.Steadily(loop) })
	}
	return nil
}

// prepare finds the network and lays out one track for each machine.
func (p *Probe) prepare() (err error) {
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	if p.segment, err = p.lab.segmentLocked(p.opts.Network); err != nil {
		return err
	}
	s := p.segment
	if !s.IPv4.Masked().Contains(p.opts.VIP) && !s.IPv6.Masked().Contains(p.opts.VIP) {
		return fmt.Errorf("lab: probe of %s: it is not in network %q (%s, %s)", p.opts.VIP, s.Name, s.IPv4, s.IPv6)
	}
	if s.ports[p.opts.From] == nil {
		return fmt.Errorf("lab: probe from %q: there is no such machine on network %q", p.opts.From, s.Name)
	}
	p.lab.probes++
	p.id = uint16(p.lab.probes)
	p.ended = 0
	p.macs = make(map[string]string)
	p.asks, p.rounds, p.unicast = nil, nil, nil
	p.owners = make(map[string]map[uint32]time.Duration)
	for _, m := range p.lab.machines {
		port := s.ports[m.name]
		if port == nil || m.name == p.opts.From {
			continue
		}
		p.macs[port.mac.String()] = m.name
		p.unicast = append(p.unicast, witness.Track{Machine: m.name, Method: ByUnicast})
	}
	return nil
}

// Close stops asking, waits a moment for the last answers, and reports.
func (p *Probe) Close() Report {
	if p.began.IsZero() {
		return Report{VIP: p.opts.VIP}
	}
	if !p.stopped.Swap(true) {
		time.Sleep(patience)
		p.deaf.Store(true)
		p.wg.Wait()
		p.closeSockets()
		p.ended = p.now()
	}
	return p.Report()
}

// Report is what has been seen up to now.
func (p *Probe) Report() Report { return p.record().Judge(p.rules()) }

func (p *Probe) rules() witness.Rules {
	return witness.Rules{Patience: patience, MaxGap: max(4*p.opts.Period, minGap)}
}

// record copies what there is, so that reading it does not keep the probe from asking.
func (p *Probe) record() witness.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	rec := witness.Record{
		VIP:    p.opts.VIP,
		Began:  p.began,
		Ended:  p.now(),
		Client: slices.Clone(p.asks),
		Rounds: slices.Clone(p.rounds),
		Tracks: p.ownerTracksLocked(),
	}
	for _, t := range rec.Tracks {
		for i, a := range t.Asks {
			rec.Rounds[i].Heard = max(rec.Rounds[i].Heard, a.Heard)
		}
	}
	if p.deaf.Load() {
		rec.Ended = p.ended
	}
	for _, t := range p.unicast {
		t.Asks = slices.Clone(t.Asks)
		rec.Tracks = append(rec.Tracks, t)
	}
	return rec
}

// Holder is who answered the client's latest question that was answered at all, "" if none was within the last 50 ms.
func (p *Probe) Holder() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	young := p.now() - patience
	for i := len(p.asks) - 1; i >= 0 && p.asks[i].Sent >= young; i-- {
		if p.asks[i].Heard != 0 {
			return p.asks[i].By
		}
	}
	return ""
}

// Await waits until the machine, or any if machine is "", has answered the client a question that was asked after the call.
func (p *Probe) Await(ctx context.Context, machine string) error {
	return p.await(ctx, cmp.Or(machine, "anyone"), func(by string) bool { return machine == "" || by == machine })
}

// AwaitOther is Await for any machine but one.
func (p *Probe) AwaitOther(ctx context.Context, than string) error {
	return p.await(ctx, "another machine than "+than, func(by string) bool { return by != than })
}

func (p *Probe) await(ctx context.Context, whom string, fits func(by string) bool) error {
	called := p.now()
	tick := time.NewTicker(p.opts.Period)
	defer tick.Stop()
	for !p.answeredSince(called, fits) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s is answered by %s (now: %s): %w", p.opts.VIP, whom, cmp.Or(p.Holder(), "nobody"), ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

func (p *Probe) answeredSince(since time.Duration, fits func(by string) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.asks) - 1; i >= 0 && p.asks[i].Sent >= since; i-- {
		if a := p.asks[i]; a.Heard != 0 && fits(a.By) {
			return true
		}
	}
	return false
}
