package keeper

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"text/template"
)

// Commands are the programs that handle addresses, each as its words (argv), which are templates of Go's text/template over a [Place].
// A word that comes out empty is left out, and so is a command whose program does. No shell is involved.
type Commands struct {
	Add      []string // puts the address on the interface
	Remove   []string // takes it off; it must succeed where it was on it
	Announce []string // tells the neighbours; none where Add does so by itself
	Probe    []string // prints the hardware address of whoever answers for the address, or nothing; none to ask nobody
}

// Place is what a command is about.
type Place struct {
	Address   string // "10.77.0.100"
	Interface string // "net0"
	Bits      int    // the length of a single address: 32 or 128
	Netmask   string // the same for IPv4, "255.255.255.255"; "" for IPv6
	Family    string // "inet" or "inet6"
	Object    string // a name of letters and digits for the address, as ipadm wants: "hf10o77o0o100"
}

func placeOf(addr netip.Addr, iface string) Place {
	p := Place{Address: addr.String(), Interface: iface, Bits: addr.BitLen(), Family: "inet6"}
	p.Object = "hf" + strings.NewReplacer(".", "o", ":", "x").Replace(p.Address)
	if addr.Is4() {
		p.Family, p.Netmask = "inet", net.IP(net.CIDRMask(32, 32)).String()
	}
	return p
}

// DefaultCommands are what a system has for the purpose; false where none are known.
func DefaultCommands(goos string) (Commands, bool) {
	ifconfig := Commands{
		Add:    []string{"ifconfig", "{{.Interface}}", "{{.Family}}", "{{.Address}}/{{.Bits}}", "alias"},
		Remove: []string{"ifconfig", "{{.Interface}}", "{{.Family}}", "{{.Address}}", "-alias"},
	}
	switch goos {
	case "illumos", "solaris":
		return Commands{
			Add:    []string{"ipadm", "create-addr", "-t", "-T", "static", "-a", "{{.Address}}/{{.Bits}}", "{{.Interface}}/{{.Object}}"},
			Remove: []string{"ipadm", "delete-addr", "{{.Interface}}/{{.Object}}"},
		}, true
	case "freebsd", "darwin":
		return ifconfig, true
	case "linux": // whose kernel does better
		return Commands{
			Add:    []string{"ip", "address", "replace", "{{.Address}}/{{.Bits}}", "dev", "{{.Interface}}", `{{if eq .Family "inet6"}}nodad{{end}}`},
			Remove: []string{"ip", "address", "delete", "{{.Address}}/{{.Bits}}", "dev", "{{.Interface}}"},
		}, true
	}
	return Commands{}, false
}

// Validate says in one sentence what is wrong with the commands.
func (c Commands) Validate() error {
	if len(c.Add) == 0 || len(c.Remove) == 0 {
		return errors.New("the exec driver needs the commands that add and remove an address: set add and remove, each as a list of words")
	}
	for name, words := range map[string][]string{"add": c.Add, "remove": c.Remove, "announce": c.Announce, "probe": c.Probe} {
		if _, err := render(words, placeOf(netip.AddrFrom4([4]byte{192, 0, 2, 1}), "net0")); err != nil {
			return fmt.Errorf("%s of the exec driver: %w", name, err)
		}
	}
	return nil
}

// render fills in the words of a command.
func render(words []string, p Place) ([]string, error) {
	var out []string
	for i, w := range words {
		t, err := template.New("word").Option("missingkey=error").Parse(w)
		if err != nil {
			return nil, fmt.Errorf("word %d, %q, is no template: %w", i+1, w, err)
		}
		var b strings.Builder
		if err := t.Execute(&b, p); err != nil {
			return nil, fmt.Errorf("word %d, %q, cannot be filled in: %w", i+1, w, err)
		}
		switch {
		case b.Len() > 0:
			out = append(out, b.String())
		case i == 0:
			return nil, nil
		}
	}
	return out, nil
}
