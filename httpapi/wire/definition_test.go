package wire

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestDefinition holds that a definition is kept in Consul's form, however a client writes it.
func TestDefinition(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:   ``,
		`null`: ``,
		`{"Interval":"0s","TCP":"","Header":null,"TLSSkipVerify":false}`:                                                                          ``,
		`{"HTTP":"http://x/?a=1","Interval":"90s","Timeout":"1500ms","DeregisterCriticalServiceAfter":"90m","Header":{"a":["b"]},"Method":"PUT"}`: `{"HTTP":"http://x/?a=1","Header":{"a":["b"]},"Method":"PUT","Interval":"1m30s","Timeout":"1.5s","DeregisterCriticalServiceAfter":"1h30m0s"}`,
		`{"tcp":"x:1","interval":5000000000,"Unheard":1}`:                                                                                         `{"TCP":"x:1","Interval":"5s"}`,
		`{"TCP":"x:1","IntervalDuration":10000000000,"TimeoutDuration":1000000000}`:                                                               `{"TCP":"x:1","Interval":"10s","Timeout":"1s"}`,
		`{"TCP":"x:1","Interval":"10s","IntervalDuration":5,"DeregisterCriticalServiceAfterDuration":"1m"}`:                                       `{"TCP":"x:1","Interval":"10s","DeregisterCriticalServiceAfter":"1m0s"}`,
		`{"ScriptArgs":["a"],"TTL":"10s","OutputMaxSize":500}`:                                                                                    `{"ScriptArgs":["a"],"OutputMaxSize":500,"TTL":10000000000}`,
	} {
		var c CheckInput
		if err := json.Unmarshal([]byte(`{"Definition":`+body+`}`), &c); err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got := string(c.Check("n1").Probe); got != want {
			t.Errorf("%s is kept as %s, want %s", body, got, want)
		}
	}
	for body, want := range map[string]string{
		`{"Interval":"soon"}`: `invalid duration "soon"`,
		`{"Timeout":[]}`:      `invalid duration []`,
		`{"HTTP":1}`:          `string`,
		`5`:                   `number`,
	} {
		var c CheckInput
		if err := json.Unmarshal([]byte(`{"Definition":`+body+`}`), &c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", body, err, want)
		}
	}
}
