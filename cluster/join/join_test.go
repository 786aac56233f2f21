package join

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// scripted answers attempts one after the other, the last one for ever.
type scripted struct {
	answers []error // nil for a member that was reached
	asked   [][]string
	at      []time.Duration
	began   time.Time
}

func (s *scripted) Join(_ context.Context, addrs []string) (int, error) {
	s.asked, s.at = append(s.asked, addrs), append(s.at, time.Since(s.began))
	err := s.answers[min(len(s.asked), len(s.answers))-1]
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func TestJoins(t *testing.T) {
	away := errors.New("nobody there")
	for name, test := range map[string]struct {
		cfg     Config
		answers []error
		asked   string // the addresses of each attempt
		logged  string
	}{
		"nobody":               {Config{}, nil, "", ""},
		"once":                 {Config{Once: []string{"a", "b"}}, []error{away}, "a b", "level=ERROR"},
		"until one answers":    {Config{Retry: []string{"a"}}, []error{away, away, nil}, "a|a|a", "joined"},
		"so often and no more": {Config{Retry: []string{"a"}, Max: 2}, []error{away}, "a|a", "giving up after retry_max attempts"},
		"first the once":       {Config{Once: []string{"a"}, Retry: []string{"b"}}, []error{away, nil}, "a|b", "joined"},
		"a foreign cluster":    {Config{Retry: []string{"a"}, Max: 2}, []error{cluster.Errorf(cluster.Conflict, "another cluster")}, "a|a", `level=ERROR msg="cannot join, will try again"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &scripted{answers: test.answers, began: time.Now()}
				var log bytes.Buffer
				tried := 0
				test.cfg.Run(t.Context(), p, slog.New(slog.NewTextHandler(&log, nil)), func() { tried++ })
				var asked []string
				for _, a := range p.asked {
					asked = append(asked, strings.Join(a, " "))
				}
				if got := strings.Join(asked, "|"); got != test.asked || tried != 1 || !strings.Contains(log.String(), test.logged) {
					t.Errorf("asked %q, want %q; told %d times that all was tried; logged %s", got, test.asked, tried, log.String())
				}
			})
		})
	}
}

// TestPauses holds that attempts come quickly at first and then once in each interval, until the context ends.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p := &scripted{answers: []error{errors.New("away")}, began: time.Now()}
		c := Config{Retry: []string{"a"}, Interval: 20 * time.Second}
		c.Run(ctx, p, slog.New(slog.DiscardHandler), func() {})
		want := []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond}
		if len(p.at) != 22 || !reflect.DeepEqual(p.at[:4], want) || p.at[21]-p.at[20] != 20*time.Second || ctx.Err() == nil {
			t.Errorf("%d attempts at %v", len(p.at), p.at)
		}
	})
}
