package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/failover/lab"
)

// webExample is examples/web at work: the same files, but for where they lie.
type webExample struct {
	*example

	trusted *x509.CertPool
	nginx   map[string]*lab.Process
}

// webServers is the configuration of the nginx that stands for both services of a machine.
const webServers = `worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    server { listen 8081; location / { return 200 "$hostname shop $request_uri\n"; } }
    server { listen 8082; location / { return 200 "$hostname admin $request_uri\n"; } }
}
`

func openWebExample(t *testing.T) *webExample {
	t.Helper()
	etc := t.TempDir()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "web", "holdfast.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	w := &webExample{trusted: x509.NewCertPool(), nginx: map[string]*lab.Process{}}
	certificate, key := w.certificate(t, "shop.example.org", "admin.example.org")
	for name, content := range map[string]string{
		"holdfast.hcl":                strings.ReplaceAll(string(text), "/etc/holdfast", filepath.Join(etc, "files")),
		"files/certificates/shop.crt": certificate, "files/certificates/shop.key": key,
		"files/team.htpasswd": "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n", // secret
		"files/nginx.conf":    webServers,
	} {
		file := filepath.Join(etc, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.example = onExample(t, etc, threeAndClient, nil, func(x *example) {
		for _, m := range []string{"n1", "n2", "n3"} {
			prefix := filepath.Join(x.tmp, "nginx-"+m)
			if err := os.MkdirAll(prefix, 0o755); err != nil {
				t.Fatal(err)
			}
			w.nginx[m] = x.start(m, "nginx", "-p", prefix, "-c", filepath.Join(etc, "files", "nginx.conf"))
		}
	})
	return w
}

// certificate makes a certificate for names, which clients of the test trust.
func (w *webExample) certificate(t *testing.T, names ...string) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	w.trusted.AppendCertsFromPEM([]byte(certificate))
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// get asks the address as a client does whose DNS leads every name there, and answers the status and the body.
func (w *webExample) get(url, user, password string) (status int, body string) {
	port := "80"
	if strings.HasPrefix(url, "https:") {
		port = "443"
	}
	c := &http.Client{Timeout: time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: w.trusted, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return w.Machine("client").Dial(ctx, network, "10.77.0.100:"+port)
		},
	}}
	req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

// answerer is the machine whose shop has answered, "" for none.
func (w *webExample) answerer() string {
	status, body := w.get("https://shop.example.org/", "", "")
	if status != http.StatusOK {
		return ""
	}
	machine, _, _ := strings.Cut(body, " ")
	return machine
}

// TestWebServices runs examples/web: requests by name and by path to nginx on three machines, with TLS and passwords, through a server that ends and a
// machine that dies.
func TestWebServices(t *testing.T) {
	need(t, "nginx")
	w := openWebExample(t)
	holder := w.holder("web")
	seen := map[string]bool{}
	w.eventually("the shop of all three machines answers", func() bool {
		seen[w.answerer()] = true
		return seen["n1"] && seen["n2"] && seen["n3"]
	})
	for _, c := range []struct {
		url, user, password string
		status              int
		ends                string // of the body
	}{
		{"https://shop.example.org/cart?id=7", "", "", http.StatusOK, " shop /cart?id=7"},
		{"http://shop.example.org/cart", "", "", http.StatusOK, " shop /cart"},
		{"http://10.77.0.100/shop/cart", "", "", http.StatusOK, " shop /cart"}, // by the path, which is taken off
		{"http://10.77.0.100/nothing", "", "", http.StatusNotFound, ""},
		{"https://admin.example.org/", "", "", http.StatusUnauthorized, ""},
		{"https://admin.example.org/", "ann", "wrong", http.StatusUnauthorized, ""},
		{"https://admin.example.org/users", "ann", "secret", http.StatusOK, " admin /users"},
	} {
		w.eventually(fmt.Sprintf("%s as %q is answered by %d and …%q", c.url, c.user, c.status, c.ends), func() bool {
			status, body := w.get(c.url, c.user, c.password)
			return status == c.status && strings.HasSuffix(body, c.ends)
		})
	}
	other := map[string]string{"n1": "n2", "n2": "n3", "n3": "n1"}[holder]
	if err := w.nginx[other].Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.eventually("the server that ended is asked no more", func() bool {
		for range 12 {
			if m := w.answerer(); m == "" || m == other {
				return false
			}
		}
		return true
	})
	gap, failed := longestSilence(30, func() {
		if err := w.Machine(holder).PowerOff(); err != nil {
			t.Error(err)
		}
	}, func() bool { m := w.answerer(); return m != "" && m != other })
	t.Logf("%s lost power: %d requests failed, no answer for %s", holder, failed, gap)
	if gap > slowly {
		t.Errorf("no answer for %s after %s had lost power", gap, holder)
	}
	if now := w.holder("web"); now == holder {
		t.Errorf("%s holds the address still", now)
	}
}
