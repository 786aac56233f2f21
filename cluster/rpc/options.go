package rpc

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// Options are the settings of a Server or a Client; members of one cluster use the same for both. The zero value of each field
// means its default.
type Options struct {
	// Secure is how connections are protected. It is asked for each of them, so that certificates and rules can change while the port is open. The
	// default is plain TCP.
	Secure func() Secure
	// Logger is told of refused connections. The default discards.
	Logger *slog.Logger
	// Dial makes the connection under everything that is dialed. The default is TCP with keepalive and user timeout.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Hello is what a connection to the member at addr says first, false for nothing: a member of an older version would not understand
	// it. The default says nothing.
	Hello func(addr string) (h Hello, ok bool)
	// Admit refuses an incoming connection by what it says first; its error is told to the peer as cluster.Unavailable, raft's just ends.
	// It is not asked about one that says nothing. The default takes all.
	Admit func(h Hello) error
	// AdmitRaft refuses a raft connection that says nothing first, by where it comes from. The default takes all.
	AdmitRaft func(from net.Addr) error

	DialTimeout    time.Duration // connecting, TLS and the opening of a stream together; 3 s
	HelloTimeout   time.Duration // an incoming connection's time to say what it is, and to begin with it; 5 s
	StallTimeout   time.Duration // a write that moves nothing for so long ends the connection, and so does a frame that takes much longer to arrive; 5 s
	SilenceTimeout time.Duration // a peer that sends nothing while calls wait is pinged within a third of this, and given up at its end; 3 s

	MaxCall    int // bytes in a request or an answer; 64 MiB
	MaxMessage int // bytes in a message of a stream; 1 MiB
	MaxConns   int // incoming connections at once, raft's not counted; 4096
	MaxCalls   int // calls being handled at once for one connection; 8192
}

// withDefaults is o with every unset field filled in.
func (o Options) withDefaults() Options {
	if o.Secure == nil {
		o.Secure = func() Secure { return Secure{} }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = dialTCP
	}
	orDefault(&o.DialTimeout, 3*time.Second)
	orDefault(&o.HelloTimeout, 5*time.Second)
	orDefault(&o.StallTimeout, 5*time.Second)
	orDefault(&o.SilenceTimeout, 3*time.Second)
	orDefault(&o.MaxCall, 64<<20)
	orDefault(&o.MaxMessage, 1<<20)
	orDefault(&o.MaxConns, 4096)
	orDefault(&o.MaxCalls, 8192)
	return o
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
