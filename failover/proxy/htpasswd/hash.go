package htpasswd

import (
	"crypto/md5"  //nolint:gosec // htpasswd's default
	"crypto/sha1" //nolint:gosec // htpasswd -s
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	apr1 = "$apr1$"
	sha  = "{SHA}"
)

// known reports whether a hash is one that matches understands.
func known(hash string) bool {
	if strings.HasPrefix(hash, "$2") {
		_, err := bcrypt.Cost([]byte(hash))
		return err == nil
	}
	return strings.HasPrefix(hash, apr1) && strings.Count(hash, "$") == 3 || strings.HasPrefix(hash, sha)
}

// matches reports whether a password has a hash.
func matches(hash, password string) bool {
	switch {
	case strings.HasPrefix(hash, sha):
		sum := sha1.Sum([]byte(password)) //nolint:gosec // as the file says
		return same(hash, sha+base64.StdEncoding.EncodeToString(sum[:]))
	case strings.HasPrefix(hash, apr1):
		salt, _, _ := strings.Cut(hash[len(apr1):], "$")
		return same(hash, md5Crypt(password, salt))
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// md5Crypt is Apache's variant of the MD5 crypt of FreeBSD, as "Password Formats" in its manual has it: a thousand rounds over password, salt and the
// sum so far.
func md5Crypt(password, salt string) string {
	salt = salt[:min(len(salt), 8)]
	pw := []byte(password)
	sum := func(parts ...[]byte) []byte {
		h := md5.New() //nolint:gosec // as the file says
		for _, p := range parts {
			_, _ = h.Write(p) // never fails
		}
		return h.Sum(nil)
	}
	first := sum(pw, []byte(salt), pw)
	parts := [][]byte{pw, []byte(apr1), []byte(salt)}
	for n := len(pw); n > 0; n -= len(first) {
		parts = append(parts, first[:min(n, len(first))])
	}
	for n := len(pw); n > 0; n >>= 1 {
		if n&1 == 1 {
			parts = append(parts, []byte{0})
		} else {
			parts = append(parts, []byte(password[:1]))
		}
	}
	s := sum(parts...)
	for i := range 1000 {
		var round [][]byte
		either := func(odd bool, a, b []byte) {
			if odd {
				round = append(round, a)
			} else {
				round = append(round, b)
			}
		}
		either(i%2 == 1, pw, s)
		if i%3 != 0 {
			round = append(round, []byte(salt))
		}
		if i%7 != 0 {
			round = append(round, pw)
		}
		either(i%2 == 1, s, pw)
		s = sum(round...)
	}
	return apr1 + salt + "$" + crypt64(s)
}

// crypt64 writes a sum in crypt's alphabet and order.
func crypt64(s []byte) string {
	const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var b strings.Builder
	put := func(v uint, n int) {
		for range n {
			b.WriteByte(alphabet[v&0x3f])
			v >>= 6
		}
	}
	for i := range 5 {
		last := i + 12
		if last == 16 {
			last = 5
		}
		put(uint(s[i])<<16|uint(s[i+6])<<8|uint(s[last]), 4)
	}
	put(uint(s[11]), 2)
	return b.String()
}
