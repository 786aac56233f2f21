package program

import (
	"fmt"
	"testing"
)

// TestEnvironment holds which variables a program sees.
func TestEnvironment(t *testing.T) {
	environ := []string{"HOME=/root", "CONSUL_HTTP_ADDR=x", "CONSUL_TOKEN=secret", "A=1"}
	for _, tt := range []struct {
		e    Environment
		want string
	}{
		{Environment{}, "[HOME=/root CONSUL_HTTP_ADDR=x CONSUL_TOKEN=secret A=1]"},
		{Environment{Custom: []string{"A=2", "B=3"}}, "[HOME=/root CONSUL_HTTP_ADDR=x CONSUL_TOKEN=secret A=2 B=3]"},
		{Environment{Allow: []string{"CONSUL_*"}, Deny: []string{"*TOKEN"}}, "[CONSUL_HTTP_ADDR=x]"},
		{Environment{Deny: []string{"CONSUL_*"}}, "[HOME=/root A=1]"},
		{Environment{Pristine: true, Allow: []string{"A"}, Custom: []string{"B=3"}}, "[B=3]"},
	} {
		if got := fmt.Sprint(tt.e.Of(environ)); got != tt.want || tt.e.Check() != "" {
			t.Errorf("%+v: %s, want %s", tt.e, got, tt.want)
		}
	}
	for _, e := range []Environment{{Allow: []string{"["}}, {Custom: []string{"A"}}, {Custom: []string{"=1"}}} {
		if e.Check() == "" {
			t.Errorf("%+v is taken", e)
		}
	}
}
