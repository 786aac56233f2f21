package config

import (
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	const group = `group "g" { vip "10.0.0.9/24" {} service = "web" }`
	for _, c := range []struct{ name, text, want string }{
		{"nothing", `bootstrap_expect = 3 retry_join = ["10.0.0.2"] service { name = "web" check { tcp = "127.0.0.1:80" interval = "1s" } }` + group, ""},
		{"no group", `bootstrap_expect = 1`, ""},
		{"slow check", `bootstrap_expect = 3 service { name = "web" check { tcp = "127.0.0.1:80" interval = "10s" } }` + group, "runs every 10s"},
		{"no check", `bootstrap_expect = 3 service { name = "web" }` + group, "has no check"},
		{"no service", `bootstrap_expect = 3 ` + group, "this machine is not eligible"},
		{"one machine", `bootstrap_expect = 1 group "g" { vip "10.0.0.9/24" {} }`, "one machine only"},
		{"two machines", `bootstrap_expect = 2 retry_join = ["10.0.0.2"] group "g" { vip "10.0.0.9/24" {} }`, "of two servers neither can be missed"},
		{"a witness is preferred", `bootstrap_expect = 3 node_name = "n1" failover { witness = true } group "g" { vip "10.0.0.9/24" {} prefer = ["n1"] }`, "is a witness"},
		{"connections of its own address", `bootstrap_expect = 3 group "g" { vip "10.0.0.9/24" {} conntrack = "sync" masquerade "10.1.0.0/24" {} }`, "masquerade 10.1.0.0/24 has no to"},
		{"apart from nobody", `bootstrap_expect = 3 group "g" { vip "10.0.0.9/24" {} apart_from = ["h"] }`, `"h", which stands in none`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Build(parse(t, "a.hcl", `server = true bind_addr = "10.0.0.1" data_dir = "/x" `+c.text))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(cfg.Lint(), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
