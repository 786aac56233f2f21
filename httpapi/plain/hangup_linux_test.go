package plain

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestStorm has many clients of which some hang up at any time, so that their descriptors go to others: whoever stays is answered, and in the end
// nothing is left of anybody.
func TestStorm(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			fmt.Fprint(w, "hung up")
		case <-time.After(rand.N(2 * time.Millisecond)):
			fmt.Fprint(w, r.URL.Path)
		}
	})
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			for j := range 50 {
				stormy(t, s, fmt.Sprintf("/%d/%d", i, j))
			}
		})
	}
	clients.Wait()
	if err := s.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, h := len(s.conns), len(s.hangUps.conns); c+h > 0 {
		t.Errorf("there are still %d connections, and %d whose end is waited for", c, h)
	}
}

// stormy is a client that stays for three answers, or not.
func stormy(t *testing.T, s *testServer, path string) {
	t.Helper()
	c := s.dial(t)
	defer c.Close()
	request := "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"
	for range 3 {
		switch rand.N(6) {
		case 0: // it goes away without a word
			return
		case 1: // it asks and goes away
			fmt.Fprint(c, request)
			return
		case 2: // it says half of it
			fmt.Fprint(c, request[:rand.N(len(request))])
			return
		case 3: // it resets the connection
			fmt.Fprint(c, request)
			_ = c.SetLinger(0)
			return
		}
		if got := ask(t, c, request); got.body != path {
			t.Errorf("%s is answered %q", path, got.body)
		}
	}
}
