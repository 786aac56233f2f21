package config

import (
	"encoding/json"
	"testing"
)

func TestParseServices(t *testing.T) {
	for _, tt := range []struct{ name, text, want, err string }{
		{
			"a.hcl", `service { name = "db" port = 5432 tags = ["a"] meta { x = "" } token = "t" weights { passing = 0 } check { args = ["true"] interval = "10s" timeout = "1s" header { A = ["b"] } } checks = [{ ttl = "1m" }] } node_name = "n"`,
			`[{"checks":[{"args":["true"],"header":{"A":["b"]},"interval":10000000000,"timeout":1000000000},{"ttl":60000000000}],"meta":{"x":""},"name":"db","port":5432,"tags":["a"],"weights":{"passing":0}}]`, "",
		},
		{
			"a.json", `{"service": {"Name": "a", "ID": "b", "EnableTagOverride": true}, "services": [{"name": "c", "Check": {"TCP": "127.0.0.1:1", "Interval": "1s"}}]}`,
			`[{"enable_tag_override":true,"id":"b","name":"a"},{"checks":[{"interval":1000000000,"tcp":"127.0.0.1:1"}],"name":"c"}]`, "",
		},
		{"a.hcl", `service { port = 1 }`, "", `a.hcl has a service without a name: write service { name = "web" … }`},
		{"a.hcl", `node_name = "n"`, "", `a.hcl has no service block: write service { name = "web" … }`},
		{"a.hcl", `service { prot = 1 }`, "", `config file a.hcl: unknown key "service[0].prot"; remove it or correct its spelling`},
	} {
		found, err := ParseServices(tt.name, []byte(tt.text), "")
		got := ""
		if err == nil {
			b, err := json.Marshal(found)
			if err != nil {
				t.Fatal(err)
			}
			got = string(b)
		}
		if got != tt.want || (err != nil || tt.err != "") && (err == nil || err.Error() != tt.err) {
			t.Errorf("%s: got %s, %v\nwant %s, %s", tt.text, got, err, tt.want, tt.err)
		}
	}
}
