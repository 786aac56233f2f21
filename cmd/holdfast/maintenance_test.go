package main

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestMaintenanceOutlivesARestart holds that what an operator has said counts until he says otherwise, kill -9 or not.
func TestMaintenanceOutlivesARestart(t *testing.T) {
	t.Parallel()
	config := `server = true bootstrap_expect = 1 node_name = "n1" service { name = "web" } data_dir = "` + t.TempDir() + `"`
	c := startAgent(t, config)
	c.await(leadLine)
	c.put("/v1/agent/maintenance?enable=true&reason=new+disk")
	c.put("/v1/agent/service/maintenance/web?enable=true")
	inMaintenance := func(c *child) func() bool {
		return func() bool {
			s := c.api("/v1/health/service/web")
			return strings.Contains(s, `"_node_maintenance"`) && strings.Contains(s, `"Notes":"new disk"`) && strings.Contains(s, `"_service_maintenance:web"`)
		}
	}
	eventually(t, "maintenance", inMaintenance(c))
	c.kill()

	c = startAgent(t, config)
	c.await(leadLine)
	eventually(t, "maintenance after a restart", inMaintenance(c))
	c.put("/v1/agent/maintenance?enable=false")
	c.put("/v1/agent/service/maintenance/web?enable=false")
	eventually(t, "the end of maintenance", func() bool {
		s := c.api("/v1/health/service/web?passing")
		return strings.Contains(s, `"Service":"web"`) && !strings.Contains(s, "maintenance")
	})
}

// put sends a PUT without a body to the agent.
func (c *child) put(path string) string {
	c.t.Helper()
	status, body := c.request(http.MethodPut, path)
	if status != http.StatusOK {
		c.t.Fatalf("PUT %s: %d %s", path, status, body)
	}
	return body
}

// request sends a request without a body to the agent, and answers the status and the body.
func (c *child) request(method, path string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.http+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// kill ends the agent at once.
func (c *child) kill() {
	c.t.Helper()
	c.signal(os.Kill)
	c.ended()
}
