package effect

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"holdfast/cluster"
	"holdfast/failover/program"
)

// verifyAgain is the pause between two tries.
const verifyAgain = 100 * time.Millisecond

// Verify asks again and again until the answer is good or the time is up. The error is that of the last try, a sentence; the output is that
// of a program.
func Verify(ctx context.Context, v cluster.Verify, environ []string) (output string, err error) {
	within := cmp.Or(v.Within, cluster.DefaultVerifyWithin)
	until := time.Now().Add(within)
	for tries := 1; ; tries++ {
		output, err = try(ctx, v, environ)
		if err == nil || ctx.Err() != nil {
			return output, err
		}
		if !time.Now().Add(verifyAgain).Before(until) {
			return output, fmt.Errorf("%w (%d tries in %s)", err, tries, within)
		}
		t := time.NewTimer(verifyAgain)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return output, ctx.Err()
		}
	}
}

func try(ctx context.Context, v cluster.Verify, environ []string) (string, error) {
	timeout := cmp.Or(v.Timeout, cluster.DefaultVerifyTimeout)
	if len(v.Args) > 0 {
		return program.Program{Args: v.Args, Env: environ, Timeout: timeout}.Run(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if v.TCP != "" {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", v.TCP)
		if err != nil {
			return "", err
		}
		return "", conn.Close()
	}
	return "", tryHTTP(ctx, v.HTTP)
}

func tryHTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // the status alone counts
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("GET %s answered %s", url, resp.Status)
	}
	return nil
}
