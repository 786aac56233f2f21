package httpapi

import (
	"strings"
	"testing"

	"holdfast/cluster"
)

func TestCoordinateUpdate(t *testing.T) {
	m := newMember().populate(t)
	h := m.handler()
	vec := `"Vec":[1,2,3,4,5,6,7,8]`
	talks(t, h, []talk{
		{"PUT /v1/coordinate/update", `{"Node":"N1","Coord":{` + vec + `,"Error":0.1,"Adjustment":-0.2,"Height":0.3}}`, 200, ""},
		{"PUT /v1/coordinate/update", `{"Node":"none","Coord":{` + vec + `}}`, 200, ""},
		{"PUT /v1/coordinate/update?dc=dc1", `{"Datacenter":"dc1","Node":"n2","Segment":"","Partition":"default","Coord":{` + vec + `}}`, 200, ""},
		{"PUT /v1/coordinate/update", `{"Node":"n1","Coord":{"Vec":[1,2,3]}}`, 400, "Incompatible coordinate: its Vec has 3 components, want 8"},
		{"PUT /v1/coordinate/update", `{"Node":"n1"}`, 400, "Incompatible coordinate…"},
		{"PUT /v1/coordinate/update", `{"Coord":{` + vec + `}}`, 400, "Must provide node…"},
		{"PUT /v1/coordinate/update", `{"Node":"n1","Coord":{` + vec + `,"Height":1e999}}`, 400, "Request decode failed…"},
		{"PUT /v1/coordinate/update", `{"Node":"n1","Segment":"alpha","Coord":{` + vec + `}}`, 400, `segment "alpha" asks for a part of Consul Enterprise…`},
		{"PUT /v1/coordinate/update", `{"Node":"n1","Datacenter":"dc2","Coord":{` + vec + `}}`, 500, "No path to datacenter…"},
		{"PUT /v1/coordinate/update", `{"Foo":1}`, 400, `Request decode failed: unknown field "Foo"`},
		{"PUT /v1/coordinate/update", ``, 400, "Request decode failed: the body is empty…"},
		{"GET /v1/coordinate/nodes?segment=alpha", "", 400, `segment "alpha"…`},
		{"GET /v1/coordinate/node/n1?segment=alpha", "", 400, `segment "alpha"…`},
		{"GET /v1/coordinate/node/", "", 400, "Missing node name…"},
		{"GET /v1/coordinate/node/n1", "", 200, `[{"Node":"n1","Segment":"","Coord":{"Vec":[1,2,3,4,5,6,7,8],"Error":0.1,"Adjustment":-0.2,"Height":0.3}}]`},
	})
}

// TestCoordinatesOfServers holds that datacenters lists the servers alone.
func TestCoordinatesOfServers(t *testing.T) {
	m := newMember().populate(t)
	m.apply(t, &cluster.Register{Node: cluster.Node{Name: "n2"}, SkipNodeUpdate: true, Service: &cluster.Service{ID: "consul", Name: "consul", Port: 8300}})
	m.apply(t, &cluster.Register{Node: cluster.Node{Name: "n4", Address: "10.0.0.4"}, Service: &cluster.Service{ID: "consul", Name: "consul", Port: 8300}})
	talks(t, m.handler(), []talk{
		{"GET /v1/coordinate/datacenters", "", 200, `[{"Datacenter":"dc1","AreaID":"wan","Coordinates":[{"Node":"n2","Segment":"","Coord":{"Vec":[0.01,0,0,0,0,0,0,0],"Error":0.5,"Adjustment":0,"Height":0.00001}}]}]`},
	})
}

// FuzzCoordinateUpdate holds that no body makes the API panic or stores what cannot be compared.
func FuzzCoordinateUpdate(f *testing.F) {
	for _, b := range []string{`{"Node":"n1","Coord":{"Vec":[1,2,3,4,5,6,7,8],"Error":1e308}}`, `{"Node":"n1","Coord":null}`, `null`, `{"Node":"n\u0000","Coord":{"Vec":[0,0,0,0,0,0,0,0]}}`} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m := newMember().populate(t)
		w := send(t, m.handler(), "PUT /v1/coordinate/update", body)
		if w.Code != 200 && w.Code != 400 && w.Code != 500 {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "the agent failed") {
			t.Fatalf("%q makes the API panic", body)
		}
		for _, c := range m.store.View().Coordinates() {
			if err := c.Validate(); err != nil {
				t.Fatalf("%q stored %+v: %v", body, c, err)
			}
		}
	})
}
