package lab

import (
	"bytes"
	"encoding/binary"
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

// announcement is a gratuitous ARP request or an unsolicited neighbour advertisement.
func announcement(vip netip.Addr, mac net.HardwareAddr) []byte {
	if vip.Is4() {
		return arpRequest(vip, mac, mac, vip)
	}
	return advertise(vip, mac, mac, net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, netip.MustParseAddr("ff02::1"))
}

func advertise(vip netip.Addr, mac, option, to net.HardwareAddr, dst netip.Addr) []byte {
	target := vip.As16()
	b := etherHeader(to, mac, etherIPv6)
	size := 24
	if option != nil {
		size += 8
	}
	b = ipv6Header(b, vip, dst, protoICMPv6, size, 255)
	at := len(b)
	b = append(b, neighAdvert, 0, 0, 0, 0x20, 0, 0, 0)
	b = append(b, target[:]...)
	if option != nil {
		b = append(append(b, 2, 1), option...)
	}
	binary.BigEndian.PutUint16(b[at+2:], checksum(vip, dst, protoICMPv6, b[at:]))
	return b
}

// arpAnswer is what the owner of testVIP4 says to testReply.
func arpAnswer() []byte {
	b := etherHeader(testReply, testMAC, etherARP)
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
		{"ARP", whoHas(testVIP4, observer, testReply, testAsker4), `
			ffffffffffff 0277000000fa 0806
			0001 0800 06 04 0001  028100000005 0a4d00fb  000000000000 0a4d0064`},
		{"neighbour solicitation", whoHas(testVIP6, observer, testReply, testAsker6), `
			3333ff000100 0277000000fa 86dd
			60000000 0020 3a ff fd770000000000000000000000000251 ff0200000000000000000001ff000100
			87 00 77d8 00000000 fd770000000000000000000000000100 01 01 028100000005`},
		{"IPv4 datagram", datagram(testMAC, observer, netip.AddrPortFrom(testVIP4, 7777), netip.AddrPortFrom(testAsker4, 1024), []byte("hey")), `
			02770000000b 0277000000fa 0800
			45 00 001f 0000 4000 01 11 63d6 0a4d00fb 0a4d0064
			0400 1e61 000b e618 686579`},
		{"IPv6 datagram", datagram(testMAC, observer, netip.AddrPortFrom(testVIP6, 7777), netip.AddrPortFrom(testAsker6, 1024), []byte("hey")), `
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
	solicited := advertise(testVIP6, testMAC, other, testReply, testAsker6)
	bare := advertise(testVIP6, testMAC, nil, testReply, testAsker6)
	endless := bytes.Clone(solicited)
	endless[etherSize+ipv6Size+25] = 0 // an option of no length
	tests := []struct {
		name   string
		frame  []byte
		target netip.Addr
		owner  net.HardwareAddr // nil is no answer
	}{
		{"ARP answer", arpAnswer(), testVIP4, testMAC},
		{"ARP answer for another", arpAnswer(), testAsker4, nil},
		{"ARP answer for IPv6", arpAnswer(), testVIP6, nil},
		{"ARP request", whoHas(testVIP4, testMAC, testReply, testAsker4), testVIP4, nil},
		{"ARP cut short", arpAnswer()[:etherSize+arpSize-1], testVIP4, nil},
		{"advertisement with option", solicited, testVIP6, other},
		{"advertisement without option", bare, testVIP6, testMAC},
		{"advertisement with an endless option", endless, testVIP6, testMAC},
		{"advertisement for another", solicited, testAsker6, nil},
		{"advertisement cut short", bare[:len(bare)-1], testVIP6, nil},
		{"solicitation", whoHas(testVIP6, testMAC, testReply, testAsker6), testVIP6, nil},
		{"nothing", nil, testVIP4, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			replyTo, owner, ok := owns(tt.frame, tt.target)
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
	f.Add(advertise(testVIP6, testMAC, testMAC, testReply, testAsker6), false)
	f.Add(advertise(testVIP6, testMAC, nil, testReply, testAsker6), false)
	f.Fuzz(func(t *testing.T, frame []byte, four bool) {
		target := testVIP6
		if four {
			target = testVIP4
		}
		replyTo, owner, ok := owns(frame, target)
		if ok && (len(replyTo) != 6 || len(owner) != 6) {
			t.Fatalf("addresses of %d and %d bytes", len(replyTo), len(owner))
		}
	})
}

func TestQuestionAndAnswer(t *testing.T) {
	q := question{probe: 7, track: clientTrack, round: 1 << 30}
	if got, ok := parseQuestion(q.append(nil, questionMagic)); !ok || got != q {
		t.Fatalf("got %+v, %v", got, ok)
	}
	a := answer{question: q, Machine: "n1", Sent: 12345}
	if got, ok := parseAnswer(a.append(nil)); !ok || got != a {
		t.Fatalf("got %+v, %v", got, ok)
	}
	nameless := answer{question: q}.append(nil)
	long := answer{question: q, Machine: strings.Repeat("n", maxName+1)}.append(nil)
	for _, b := range [][]byte{nil, []byte("HFA1"), q.append(nil, questionMagic), nameless, long} {
		if _, ok := parseAnswer(b); ok {
			t.Errorf("%q passes for an answer", b)
		}
	}
	for _, b := range [][]byte{nil, []byte("HFQ1"), a.append(nil), q.append(nil, "HFX1")} {
		if _, ok := parseQuestion(b); ok {
			t.Errorf("%q passes for a question", b)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(answer{question: question{probe: 1, track: 2, round: 3}, Machine: "n1", Sent: 4}.append(nil))
	f.Add(question{probe: 1}.append(nil, questionMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := parseAnswer(b); ok {
			if again, ok := parseAnswer(a.append(nil)); !ok || again != a {
				t.Fatalf("%+v is read back as %+v", a, again)
			}
		}
		if q, ok := parseQuestion(b); ok {
			if again, ok := parseQuestion(q.append(nil, questionMagic)); !ok || again != q {
				t.Fatalf("%+v is read back as %+v", q, again)
			}
		}
	})
}
