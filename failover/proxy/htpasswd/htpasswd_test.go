package htpasswd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const (
	apr1Secret = "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/" // of openssl passwd -apr1
	apr1Empty  = "$apr1$abcdefgh$L.PT565ESX4Tp2bqNs7Ie."
	apr1Long   = "$apr1$abcdefgh$Eqv4oIyMsS.tjfvQCJYY1/"
	shaSecret  = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
)

func opened(t *testing.T, lines ...string) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestVerify(t *testing.T) {
	slow, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	f := opened(t, "# people", "", "a:"+apr1Secret, "e:"+apr1Empty, "l:"+apr1Long, "s:"+shaSecret, "b:"+string(slow))
	for _, c := range []struct {
		name, password string
		want           bool
	}{
		{"a", "secret", true},
		{"a", "Secret", false},
		{"a", "", false},
		{"e", "", true},
		{"l", "a much longer password than sixteen bytes", true},
		{"s", "secret", true},
		{"s", "secre", false},
		{"b", "secret", true},
		{"b", "secret", true},
		{"b", "other", false},
		{"nobody", "secret", false},
		{"", "", false},
	} {
		if got := f.Verify(t.Context(), c.name, c.password); got != c.want {
			t.Errorf("%s with %q: %t", c.name, c.password, got)
		}
	}
}

// TestReadsAgain changes a password: the old one, which is remembered, must not count any more. A file that cannot be read changes nothing.
func TestReadsAgain(t *testing.T) {
	f := opened(t, "a:"+apr1Secret)
	change := func(text string) {
		if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f.mu.Lock()
		f.looked = time.Time{}
		f.mu.Unlock()
	}
	if !f.Verify(t.Context(), "a", "secret") {
		t.Error("the first password is refused")
	}
	change("a:{SHA}nonsense, and longer than before it was\n")
	if f.Verify(t.Context(), "a", "secret") {
		t.Error("the old password still counts")
	}
	change("a:" + shaSecret + "\n")
	if !f.Verify(t.Context(), "a", "secret") {
		t.Error("the new password is refused")
	}
	change("a:crypt of old\n")
	if !f.Verify(t.Context(), "a", "secret") {
		t.Error("a file that cannot be understood locks everyone out")
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a":                "line 1 is not NAME:HASH",
		"\n:x":             "line 2 is not NAME:HASH",
		"a:plain":          "the password of a is hashed in a way that is not known",
		"a:$2y$99$invalid": "the password of a",
		"a:$6$salt$hash":   "the password of a",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was opened")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a:"+apr1Secret, "secret")
	f.Add("a:"+shaSecret+"\nb:$2y$05$"+strings.Repeat("x", 53), "")
	f.Add("a:$apr1$$", "x")
	f.Fuzz(func(t *testing.T, text, password string) {
		hashes, err := parse(text)
		if err != nil {
			return
		}
		for name, hash := range hashes {
			if cost, err := bcrypt.Cost([]byte(hash)); err == nil && cost > 5 {
				continue // slow on purpose
			}
			if matches(hash, password) && matches(hash, password+"x") && len(password) < 70 {
				t.Errorf("%s has two passwords", name)
			}
		}
	})
}
