package filter

import (
	"strings"
	"testing"
	"time"
)

// opaque is JSON that is kept as it came.
type opaque []byte

type check struct {
	Status string
	Tags   []string
}

type address struct {
	Address string
	Port    int
}

type row struct {
	Name      string
	Port      int
	Size      uint16
	Load      float64
	On        bool
	Tags      []string
	Ports     []int
	Meta      map[string]string
	Addresses map[string]address
	Checks    []check
	Nobody    []check
	Weights   struct{ Passing int }
	Renamed   string `json:"other,omitempty"`
	Hidden    string `bexpr:"-"`
	Unshown   string `json:"-"`
	There     *address
	Nowhere   *address
	Proxy     opaque
	None      opaque
	secret    string
	embedded
}

type embedded struct{ Inner string }

func sample() row {
	r := row{
		Name: "n1", Port: 80, Size: 7, Load: 1.5, On: true, Tags: []string{"v1", "Primary"}, Ports: []int{80, 443}, Meta: map[string]string{"rack": "r1", "x-y": "1", "empty": ""},
		Addresses: map[string]address{"lan": {"10.0.0.1", 80}}, Checks: []check{{"passing", []string{"a"}}, {"critical", nil}},
		Renamed: "r", There: &address{"10.0.0.2", 81}, secret: "s", embedded: embedded{"i"},
		Proxy: opaque(`{"DestinationServiceName":"web","LocalServicePort":8080,"Expose":{"Checks":true},"Upstreams":[{"DestinationName":"db"},{"DestinationName":"cache"}],"List":["a",1]}`),
		None:  opaque("not JSON"),
	}
	r.Weights.Passing = 3
	return r
}

func TestFilter(t *testing.T) {
	for _, c := range []struct{ holds, fails string }{
		{`Name == n1`, `Name == "N1"`},
		{`Name != n2`, `Name != n1`},
		{`Name matches "^n[0-9]$"`, `Name not matches "^n[0-9]$"`},
		{`"n" in Name`, `n not in Name`},
		{`Name contains "1"`, `Name not contains "1"`},
		{`Name is not empty`, `Name is empty`},
		{`Port == 80`, `Port == 81`},
		{`Port == "80"`, `Port != 80`},
		{`Size == 7`, `Size != 7`},
		{`Load == 1.5`, `Load == 2`},
		{`On == true`, `On == false`},
		{`On != false`, `On != 1`},
		{`v1 in Tags`, `v1 not in Tags`},
		{`"v2" not in Tags`, `"v2" in Tags`},
		{`Tags contains Primary`, `Tags contains primary`},
		{`Tags is not empty`, `Tags is empty`},
		{`443 in Ports`, `22 in Ports`},
		{`Nobody is empty`, `Nobody is not empty`},
		{`Meta.rack == r1`, `Meta.rack != r1`},
		{`Meta["rack"] == "r1"`, `Meta["rack"] == "r2"`},
		{`Meta["x-y"] == 1`, `Meta["x-y"] == 2`},
		{`"/Meta/rack" == r1`, `"/Meta/rack" == r2`},
		{`Meta.none != x`, `Meta.none == x`},
		{`Meta.none not matches x`, `Meta.none matches "."`},
		{`x not in Meta.none`, `x in Meta.none`},
		{`Meta.none is empty`, `Meta.none is not empty`},
		{`Meta.empty == ""`, `Meta.none == ""`},
		{`rack in Meta`, `none in Meta`},
		{`Meta contains rack`, `Meta not contains rack`},
		{`Meta is not empty`, `Meta is empty`},
		{`Addresses.lan.Port == 80`, `Addresses.lan.Address == x`},
		{`Addresses.wan.Address != x`, `Addresses.wan.Address == x`},
		{`lan in Addresses`, `wan in Addresses`},
		{`Checks.Status == critical`, `Checks.Status == warning`},
		{`Checks.Status != passing`, `Nobody.Status != passing`},
		{`a in Checks.Tags`, `b in Checks.Tags`},
		{`Checks is not empty`, `Checks is empty`},
		{`Weights.Passing == 3`, `Weights.Passing != 3`},
		{`other == r`, `other != r`},
		{`There.Port == 81`, `There.Port == 80`},
		{`Nowhere.Port != 81`, `Nowhere.Port == 0`},
		{`Inner == i`, `Inner == j`},
		{`Name == n1 and Port == 80`, `Name == n1 and Port == 81`},
		{`Name == x or Port == 80`, `Name == x or Port == 81`},
		{`not Name == x`, `not not Name == x`},
		{`Name == n1 and (Port == 1 or not (On == false))`, `(Name == n1 and Port == 1) or On == false`},
		{`any Checks as c { c.Status == critical }`, `any Checks as c { c.Status == warning }`},
		{`all Checks as c { c.Status != warning }`, `all Checks as c { c.Status == passing }`},
		{`all Nobody as c { c.Status == passing }`, `any Nobody as c { c.Status == passing }`},
		{`any Tags as t { t == v1 and Name == n1 }`, `all Tags as t { t == v1 }`},
		{`any Tags as i, t { i == 1 and t == Primary }`, `any Tags as i, t { i == 0 and t == Primary }`},
		{`any Tags as i, _ { i == 1 }`, `any Tags as i, _ { i == 2 }`},
		{`any Tags as _, t { t == v1 }`, `any Tags as _, t { t == v2 }`},
		{`any Meta as k { k == rack }`, `any Meta as k { k == r1 }`},
		{`any Meta as k, v { k == rack and v == r1 }`, `any Meta as k, v { k == rack and v == r2 }`},
		{`any Checks as c { any c.Tags as t { t == a and c.Status == passing } }`, `any Checks as c { any c.Tags as t { t == a and c.Status == critical } }`},

		// JSON that is kept as it came.
		{`Proxy.DestinationServiceName == web`, `Proxy.DestinationServiceName != web`},
		{`Proxy.DestinationServiceName matches "^w"`, `Proxy.DestinationServiceName not matches "^w"`},
		{`eb in Proxy.DestinationServiceName`, `x in Proxy.DestinationServiceName`},
		{`Proxy.LocalServicePort == 8080`, `Proxy.LocalServicePort == 1`},
		{`Proxy.Expose.Checks == true`, `Proxy.Expose.Checks == false`},
		{`Proxy.Upstreams.DestinationName == cache`, `Proxy.Upstreams.DestinationName == web`},
		{`Proxy.Upstreams is not empty`, `Proxy.Upstreams is empty`},
		{`Proxy.None is empty`, `Proxy.None is not empty`},
		{`Proxy.Native == false`, `Proxy.Native == true`},
		{`Proxy.Name.Below == ""`, `Proxy.DestinationServiceName.Below == web`},
		{`Expose in Proxy`, `Nothing in Proxy`},
		{`a in Proxy.List and 1 in Proxy.List`, `b in Proxy.List`},
		{`Proxy is not empty`, `Proxy is empty`},
		{`None is empty`, `None.Native == true`},
	} {
		for expression, want := range map[string]bool{c.holds: true, c.fails: false} {
			holds, err := Compile[row](expression)
			if err != nil {
				t.Errorf("%s: %v", expression, err)
				continue
			}
			if got := holds(sample()); got != want {
				t.Errorf("%s: %v", expression, got)
			}
		}
	}
}

// TestRefuses holds that a mistake is told, whatever the rows are.
func TestRefuses(t *testing.T) {
	for expression, want := range map[string]string{
		``:                                      "no match found",
		`(`:                                     "no match found",
		`Name`:                                  "no match found",
		`Name == n1 and`:                        "no match found",
		`nope == 1`:                             `selector "nope" is not valid: there is no nope, but Addresses, Checks, Inner, Load, Meta, `,
		`name == n1`:                            `selector "name" is not valid`,
		`secret == s`:                           `selector "secret" is not valid`,
		`Hidden == s`:                           `selector "Hidden" is not valid`,
		`Unshown == s`:                          `selector "Unshown" is not valid`,
		`Renamed == s`:                          `selector "Renamed" is not valid`,
		`Name.x == 1`:                           `selector "Name.x" is not valid: nothing lies below a text`,
		`Tags.x == 1`:                           `selector "Tags.x" is not valid: nothing lies below a list`,
		`Checks.Nope == 1`:                      `selector "Checks.Nope" is not valid: there is no Nope, but Status, Tags`,
		`Addresses.lan.Nope == 1`:               `selector "Addresses.lan.Nope" is not valid`,
		`Meta.a.b == 1`:                         `selector "Meta.a.b" is not valid`,
		`Name == n1 or Nope == 1`:               `selector "Nope" is not valid`,
		`not Nope == 1`:                         `selector "Nope" is not valid`,
		`Port == x`:                             `"Port" is a number, and "x" is none`,
		`Size == -1`:                            `"Size" is a number, and "-1" is none`,
		`Load == x`:                             `"Load" is a number, and "x" is none`,
		`On == yes`:                             `"On" is a boolean, and "yes" is none`,
		`x in Ports`:                            `"Ports" is a number, and "x" is none`,
		`Port matches "8."`:                     `the operator "matches" does not go with "Port", which is a number`,
		`Port is empty`:                         `the operator "is empty" does not go with "Port"`,
		`Meta == x`:                             `the operator "equal" does not go with "Meta", which is a map`,
		`Tags == v1`:                            `the operator "equal" does not go with "Tags", which is a list`,
		`Weights == 1`:                          `the operator "equal" does not go with "Weights", which is an object`,
		`x in Checks`:                           `the operator "in" does not go with "Checks", which is a list`,
		`Name is nil`:                           `the operator "is nil" does not go with "Name"`,
		`Name matches "("`:                      `"(" is no regular expression`,
		`Proxy.x matches "("`:                   `"(" is no regular expression`,
		`any Name as c { c == x }`:              `any and all do not go with "Name", which is a text`,
		`any Nope as c { c == x }`:              `selector "Nope" is not valid`,
		`any Checks as c { c.Nope == x }`:       `selector "c.Nope" is not valid`,
		`any Checks as c { d.Status == x }`:     `selector "d.Status" is not valid`,
		`any Proxy.Upstreams as c { c.x == y }`: `any and all do not go with it`,
		`any Tags as _ { Name == n1 }`:          "",
	} {
		_, err := Compile[row](expression)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", expression, err, want)
		}
	}
}

// TestCost holds that no expression keeps its reader busy.
func TestCost(t *testing.T) {
	begin := time.Now()
	for _, expression := range []string{
		strings.Repeat("(", 500) + "Name==n1" + strings.Repeat(")", 500),
		strings.Repeat("not ", 500) + "Name==n1",
		"Name==x" + strings.Repeat(" or Name==x", 500),
	} {
		if holds, err := Compile[row](expression); err == nil {
			holds(sample())
		}
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("three filters took %s", took)
	}
}

// FuzzCompile holds that no expression panics, neither when it is read nor when it is held against a row.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`Name == n1 and not (Port == 80 or v1 in Tags)`, `Meta["x-y"] != "1"`, `Checks.Status == passing`, `any Checks as i, c { c.Status == a and i == 1 }`,
		`Proxy.Upstreams.DestinationName matches "^c"`, `all Meta as k, v { v == r1 }`, `"/Meta/rack" == r1`, `Nowhere.Port is nil`, `There is not nil`, `Nowhere is nil`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		holds, err := Compile[row](s)
		if err != nil {
			return
		}
		holds(sample())
		holds(row{})
	})
}

func BenchmarkFilter(b *testing.B) {
	holds, err := Compile[row](`Meta.rack == r1 and "v1" in Tags and Checks.Status == critical`)
	if err != nil {
		b.Fatal(err)
	}
	r := sample()
	b.ReportAllocs()
	for b.Loop() {
		if !holds(r) {
			b.Fatal("it does not hold")
		}
	}
}
