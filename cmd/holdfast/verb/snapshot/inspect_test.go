package snapshot

import "testing"

func TestByteSize(t *testing.T) {
	for n, want := range map[int]string{0: "0B", 405: "405B", 1023: "1023B", 1024: "1KB", 1740: "1.7KB", 5 << 20: "5MB", 3 << 40: "3072GB"} {
		if got := byteSize(n); got != want {
			t.Errorf("%d bytes are %s, want %s", n, got, want)
		}
	}
}
