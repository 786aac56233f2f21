package database

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"x": "'x'", "it's": "'it''s'", `a\'b`: `'a\\''b'`, "": "''"} {
		if got := quote(in); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

// TestErrorsKeepSecrets holds that a statement with a password does not come into an error whole.
func TestErrorsKeepSecrets(t *testing.T) {
	if got := verbOf("CHANGE MASTER TO MASTER_PASSWORD = 'secret'"); got != "CHANGE MASTER" {
		t.Error(got)
	}
}

// TestNobodyThere has a keeper without a server: every word says which, and nothing hangs.
func TestNobodyThere(t *testing.T) {
	k := New(Options{Address: "127.0.0.1:1", User: "u", Settle: time.Hour}, slog.New(slog.DiscardHandler))
	if _, err := k.Begin(context.Background()); err == nil || !strings.HasPrefix(err.Error(), "the database at 127.0.0.1:1 does not become the primary: the server at 127.0.0.1:1 does not answer") {
		t.Errorf("Begin: %v", err)
	}
	if _, err := k.End(context.Background()); err == nil || !strings.HasPrefix(err.Error(), "the database at 127.0.0.1:1 does not become a replica") {
		t.Errorf("End: %v", err)
	}
	k.opts.PasswordFile = "/nonexistent"
	if err := k.keep(context.Background()); err == nil || !strings.HasPrefix(err.Error(), "cannot read a password") {
		t.Errorf("keep: %v", err)
	}
}
