package frame

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"
)

var (
	testVIP4   = netip.MustParseAddr("10.77.0.100")
	testVIP6   = netip.MustParseAddr("fd77::100")
	testAsker4 = netip.MustParseAddr("10.77.0.251")
	testAsker6 = netip.MustParseAddr("fd77::251")
	testMAC    = net.HardwareAddr{0x02, 0x77, 0, 0, 0, 11}
	testReply  = net.HardwareAddr{0x02, 0x81, 0, 0, 0, 5}
)

// without is a frame with the last n bytes cut off.
func without(frame []byte, n int) []byte { return bytes.Clone(frame[:len(frame)-n]) }

// arpAnswer is what the owner of testVIP4 says to testReply.
func arpAnswer() []byte {
	b := etherHeader(testReply, testMAC, ARP)
	b = append(b, 0, 1, 8, 0, 6, 4, 0, 2)
	b = append(append(b, testMAC...), testVIP4.AsSlice()...)
	return append(append(b, testReply...), testAsker4.AsSlice()...)
}

func TestFrames(t *testing.T) {
	observer := net.HardwareAddr{0x02, 0x77, 0, 0, 0, 250}
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"ARP", WhoHas(testVIP4, observer, testReply, testAsker4), `
			ffffffffffff 0277000000fa 0806
			0001 0800 06 04 0001  028100000005 0a4d00fb  000000000000 0a4d0064`},
		{"neighbour solicitation", WhoHas(testVIP6, observer, testReply, testAsker6), `
			3333ff000100 0277000000fa 86dd
			60000000 0020 3a ff fd770000000000000000000000000251 ff0200000000000000000001ff000100
			87 00 77d8 00000000 fd770000000000000000000000000100 01 01 028100000005`},
		{"gratuitous ARP", Announcement(testVIP4, testMAC), `
			ffffffffffff 02770000000b 0806
			0001 0800 06 04 0001  02770000000b 0a4d0064  000000000000 0a4d0064`},
		{"unsolicited advertisement", Announcement(testVIP6, testMAC), `
			333300000001 02770000000b 86dd
			60000000 0020 3a ff fd770000000000000000000000000100 ff020000000000000000000000000001
			88 00 572e 20000000 fd770000000000000000000000000100 02 01 02770000000b`},
		{"IPv4 datagram", Datagram(testMAC, observer, netip.AddrPortFrom(testVIP4, 7777), netip.AddrPortFrom(testAsker4, 1024), []byte("hey")), `
			02770000000b 0277000000fa 0800
			45 00 001f 0000 4000 01 11 63d6 0a4d00fb 0a4d0064
			0400 1e61 000b e618 686579`},
		{"IPv6 datagram", Datagram(testMAC, observer, netip.AddrPortFrom(testVIP6, 7777), netip.AddrPortFrom(testAsker6, 1024), []byte("hey")), `
			02770000000b 0277000000fa 86dd
			60000000 000b 11 01 fd770000000000000000000000000251 fd770000000000000000000000000100
			0400 1e61 000b fdd0 686579`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want, err := hex.DecodeString(strings.Join(strings.Fields(tt.want), ""))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(tt.got, want) {
				t.Errorf("got  %x\nwant %x", tt.got, want)
			}
		})
	}
}

func TestOwns(t *testing.T) {
	other := net.HardwareAddr{0x02, 0x77, 0, 0, 0, 12}
	solicited := advertise(testVIP6, other, testReply, testAsker6)
	copy(solicited[6:], testMAC) // sent by one machine, for another
	bare := without(solicited, 8)
	endless := bytes.Clone(solicited)
	endless[HeaderSize+ipv6Size+25] = 0 // an option of no length
	tests := []struct {
		name   string
		frame  []byte
		target netip.Addr
		owner  net.HardwareAddr // nil is no answer
	}{
		{"ARP answer", arpAnswer(), testVIP4, testMAC},
		{"ARP answer for another", arpAnswer(), testAsker4, nil},
		{"ARP answer for IPv6", arpAnswer(), testVIP6, nil},
		{"ARP request", WhoHas(testVIP4, testMAC, testReply, testAsker4), testVIP4, nil},
		{"ARP cut short", arpAnswer()[:HeaderSize+arpSize-1], testVIP4, nil},
		{"advertisement with option", solicited, testVIP6, other},
		{"advertisement without option", bare, testVIP6, testMAC},
		{"advertisement with an endless option", endless, testVIP6, testMAC},
		{"advertisement for another", solicited, testAsker6, nil},
		{"advertisement cut short", bare[:len(bare)-1], testVIP6, nil},
		{"solicitation", WhoHas(testVIP6, testMAC, testReply, testAsker6), testVIP6, nil},
		{"nothing", nil, testVIP4, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			replyTo, owner, ok := Owns(tt.frame, tt.target)
			if ok != (tt.owner != nil) || !bytes.Equal(owner, tt.owner) {
				t.Fatalf("owner %s, %v, want %s", owner, ok, tt.owner)
			}
			if ok && !bytes.Equal(replyTo, testReply) {
				t.Fatalf("the answer went to %s, want %s", replyTo, testReply)
			}
		})
	}
}

func FuzzOwns(f *testing.F) {
	f.Add(arpAnswer(), true)
	f.Add(advertise(testVIP6, testMAC, testReply, testAsker6), false)
	f.Add(without(advertise(testVIP6, testMAC, testReply, testAsker6), 8), false)
	f.Fuzz(func(t *testing.T, frame []byte, four bool) {
		target := testVIP6
		if four {
			target = testVIP4
		}
		replyTo, owner, ok := Owns(frame, target)
		if ok && (len(replyTo) != 6 || len(owner) != 6) {
			t.Fatalf("addresses of %d and %d bytes", len(replyTo), len(owner))
		}
	})
}
