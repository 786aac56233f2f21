package certificate

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pair is a certificate with its key.
type pair struct {
	file        string
	certificate *tls.Certificate
}

// find is the files of some places that may hold certificates, and a text that is another one as soon as a file is.
func find(places []string) (files []string, seen string, err error) {
	var b strings.Builder
	for _, place := range places {
		dirs, err := filepath.Glob(place)
		if err != nil {
			return nil, "", fmt.Errorf("%s is not a pattern: %w", place, err)
		}
		if len(dirs) == 0 {
			return nil, "", fmt.Errorf("%s is not there: name a directory with certificates and keys", place)
		}
		for _, dir := range dirs {
			entries, err := os.ReadDir(dir)
			if err != nil {
				return nil, "", fmt.Errorf("list the certificates: %w", err)
			}
			for _, e := range entries {
				file := filepath.Join(dir, e.Name())
				info, err := os.Stat(file) // what a link points to
				if err != nil || !info.Mode().IsRegular() {
					continue
				}
				fmt.Fprintf(&b, "%s %d %d\n", file, info.Size(), info.ModTime().UnixNano())
				if ext := filepath.Ext(file); ext == ".pem" || ext == ".crt" {
					files = append(files, file)
				}
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files), b.String(), nil
}

// read reads a certificate and its key. ok is false where the file holds no certificate.
func read(file string) (p pair, ok bool, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return p, false, fmt.Errorf("read a certificate: %w", err)
	}
	if !bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----")) {
		return p, false, nil
	}
	key, from := text, file
	if !bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		if loose(file) {
			return p, false, nil
		}
		if key, from, err = keyOf(file); err != nil {
			return p, false, err
		}
		if key == nil {
			return p, false, fmt.Errorf("%s has no key: put it beside it as %s", file, keyFiles(file)[0])
		}
	}
	c, err := tls.X509KeyPair(text, key)
	if err != nil {
		return p, false, fmt.Errorf("%s with the key in %s: %w", file, from, err)
	}
	return pair{file, &c}, true, nil
}

// loose reports whether a certificate is one that goes with another: a chain or an authority, or the leaf beside its full chain, which alone would
// lack what clients need to verify it.
func loose(file string) bool {
	switch filepath.Base(file) {
	case "chain.pem", "ca.pem", "ca.crt":
		return true
	case "cert.pem":
		_, err := os.Stat(filepath.Join(filepath.Dir(file), "fullchain.pem"))
		return err == nil
	}
	return false
}

func keyOf(file string) (key []byte, from string, err error) {
	for _, f := range keyFiles(file) {
		switch key, err := os.ReadFile(f); {
		case err == nil:
			return key, f, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, f, fmt.Errorf("read the key of %s: %w", file, err)
		}
	}
	return nil, "", nil
}

// keyFiles are where the key of a certificate may be.
func keyFiles(file string) []string {
	dir, base := filepath.Split(file)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	files := []string{dir + stem + ".key"}
	switch plain, ok := strings.CutSuffix(stem, "-cert"); {
	case ok:
		files = append(files, dir+plain+"-key.pem", dir+plain+".key")
	case stem == "fullchain":
		files = append(files, dir+"privkey.pem")
	case stem == "cert":
		files = append(files, dir+"key.pem", dir+"privkey.pem")
	}
	return append(files, dir+stem+"-key.pem")
}
