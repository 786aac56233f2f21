package logsink

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"log/syslog"
	"strings"
	"sync"
	"time"
)

// facilities are the facilities of RFC 3164 by the names that Consul's users write.
var facilities = map[string]syslog.Priority{
	"KERN": syslog.LOG_KERN, "USER": syslog.LOG_USER, "MAIL": syslog.LOG_MAIL, "DAEMON": syslog.LOG_DAEMON, "AUTH": syslog.LOG_AUTH, "SYSLOG": syslog.LOG_SYSLOG,
	"LPR": syslog.LOG_LPR, "NEWS": syslog.LOG_NEWS, "UUCP": syslog.LOG_UUCP, "CRON": syslog.LOG_CRON, "AUTHPRIV": syslog.LOG_AUTHPRIV, "FTP": syslog.LOG_FTP,
	"LOCAL0": syslog.LOG_LOCAL0, "LOCAL1": syslog.LOG_LOCAL1, "LOCAL2": syslog.LOG_LOCAL2, "LOCAL3": syslog.LOG_LOCAL3,
	"LOCAL4": syslog.LOG_LOCAL4, "LOCAL5": syslog.LOG_LOCAL5, "LOCAL6": syslog.LOG_LOCAL6, "LOCAL7": syslog.LOG_LOCAL7,
}

// DefaultFacility is where lines go if nobody says.
const DefaultFacility = "LOCAL0"

// ValidFacility says what is wrong with the name of a facility, or returns nil.
func ValidFacility(name string) error {
	if _, ok := facilities[strings.ToUpper(name)]; !ok {
		return fmt.Errorf("syslog_facility %q is not known: want KERN, USER, MAIL, DAEMON, AUTH, SYSLOG, LPR, NEWS, UUCP, CRON, AUTHPRIV, FTP or LOCAL0 to LOCAL7", name)
	}
	return nil
}

// Syslog is a slog.Handler that writes to the syslog of this machine, each record with the severity of its level.
type Syslog struct {
	text slog.Handler // writes into conn.line
	conn *connection
}

// connection is what handlers made of one share.
type connection struct {
	facility      syslog.Priority
	tag           string
	network, addr string // "" means this machine's
	complain      func(error)

	mu    sync.Mutex // guards following, and is held while a record is formatted
	line  bytes.Buffer
	out   *syslog.Writer // nil while it is not reached
	retry time.Time
	told  bool // that it is not reached
}

// NewSyslog makes a handler of a facility whose name is valid. format makes what formats records; time and level of them are syslog's. complain is told once when
// syslog is not reached, until it is again. Nothing is connected before the first record.
func NewSyslog(facility, tag string, level slog.Leveler, asJSON bool, complain func(error)) *Syslog {
	c := &connection{facility: facilities[strings.ToUpper(facility)], tag: tag, complain: complain}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}}
	if asJSON {
		return &Syslog{slog.NewJSONHandler(&c.line, opts), c}
	}
	return &Syslog{slog.NewTextHandler(&c.line, opts), c}
}

// Enabled reports whether records of the level are written.
func (s *Syslog) Enabled(ctx context.Context, level slog.Level) bool {
	return s.text.Enabled(ctx, level)
}

// Handle writes a record. One that is not taken is lost: syslog is not the only place.
func (s *Syslog) Handle(ctx context.Context, r slog.Record) error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.conn.line.Reset()
	if err := s.text.Handle(ctx, r); err != nil {
		return err
	}
	s.conn.sendLocked(r.Level, strings.TrimSuffix(s.conn.line.String(), "\n"))
	return nil
}

// WithAttrs adds attributes.
func (s *Syslog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Syslog{s.text.WithAttrs(attrs), s.conn}
}

// WithGroup adds a group.
func (s *Syslog) WithGroup(name string) slog.Handler { return &Syslog{s.text.WithGroup(name), s.conn} }

// sendLocked sends a line, over a new connection where there is none.
func (c *connection) sendLocked(level slog.Level, line string) {
	if c.out == nil && time.Now().Before(c.retry) {
		return
	}
	err := c.connectLocked()
	if err == nil {
		err = c.write(level, line) // it connects anew once by itself
	}
	if err == nil {
		c.told = false
		return
	}
	if c.out != nil {
		_ = c.out.Close() // it is of no use any more
	}
	c.out, c.retry = nil, time.Now().Add(retrySyslog)
	if !c.told && c.complain != nil {
		c.told = true
		c.complain(fmt.Errorf("syslog is not reached, and misses what is logged: %w", err))
	}
}

// retrySyslog is how long a syslog that is not there is left alone.
const retrySyslog = time.Second

func (c *connection) connectLocked() (err error) {
	if c.out == nil {
		c.out, err = syslog.Dial(c.network, c.addr, c.facility|syslog.LOG_INFO, c.tag)
	}
	return err
}

func (c *connection) write(level slog.Level, line string) error {
	switch {
	case level >= slog.LevelError:
		return c.out.Err(line)
	case level >= slog.LevelWarn:
		return c.out.Warning(line)
	case level >= slog.LevelInfo:
		return c.out.Info(line)
	}
	return c.out.Debug(line)
}

// Close closes the connection.
func (s *Syslog) Close() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.conn.out != nil {
		_ = s.conn.out.Close() // its lines are written
	}
	s.conn.out = nil
}
