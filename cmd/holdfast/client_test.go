package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStrangeAnswers holds that a verb says in one sentence what is wrong with the program at the other end.
func TestStrangeAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "answered /v1/failover/groups with something else than expected"},
		{"refusal", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no cluster leader", http.StatusInternalServerError)
		}, "holdfast group list: no cluster leader\n"},
		{"refusal without a word", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "holdfast group list: 403 Forbidden\n"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "[")
		}, "broke off its answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.answer)
			defer s.Close()
			got := terminal{}.run(t, "group", "list", "-http-addr", s.URL)
			if got.code != 1 || got.out != "" || !strings.Contains(got.err, tt.want) || strings.Count(got.err, "\n") != 1 {
				t.Errorf("got %+v, want code 1 and a sentence with %q", got, tt.want)
			}
		})
	}
}

// TestSettings holds where the address and the token come from: a flag, our variable, Consul's variable, a file.
func TestSettings(t *testing.T) {
	var token string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token = r.Header.Get("X-Consul-Token")
		fmt.Fprint(w, `[{"Name":"n1"}]`)
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("of-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimPrefix(s.URL, "http://")
	for _, tt := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{map[string]string{"CONSUL_HTTP_ADDR": addr}, nil, ""},
		{map[string]string{"HOLDFAST_HTTP_ADDR": s.URL, "CONSUL_HTTP_ADDR": "127.0.0.1:1", "CONSUL_HTTP_TOKEN": "c"}, nil, "c"},
		{map[string]string{"CONSUL_HTTP_ADDR": addr, "HOLDFAST_HTTP_TOKEN": "h", "CONSUL_HTTP_TOKEN": "c"}, nil, "h"},
		{map[string]string{"CONSUL_HTTP_ADDR": addr, "CONSUL_HTTP_TOKEN_FILE": file, "CONSUL_HTTP_TOKEN": "c"}, nil, "of-file"},
		{map[string]string{"CONSUL_HTTP_ADDR": "127.0.0.1:1", "CONSUL_HTTP_TOKEN_FILE": "/no/such/file"}, []string{"-http-addr", addr + "/", "-token", "t"}, "t"},
	} {
		token = "none"
		got := terminal{env: tt.env}.run(t, append([]string{"members"}, tt.args...)...)
		if got.code != 0 || token != tt.want {
			t.Errorf("%v %q: code %d, stderr %q, token %q; want %q", tt.env, tt.args, got.code, got.err, token, tt.want)
		}
	}
}
