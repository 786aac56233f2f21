package config

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"

	"holdfast/cmd/holdfast/config/leftout"
	"holdfast/cmd/holdfast/config/source"
)

// Load reads the files and directories in order and lays each over what came before. In a directory it reads the files that end in
// .hcl or .json, in the order of their names. format is "hcl", "json" or "" for: by the file's ending. The warnings are sentences.
func Load(paths []string, format string) (*File, []string, error) {
	var all File
	var warnings []string
	files, err := source.Files(paths, format != "")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range files {
		b, err := source.Read(name)
		if err != nil {
			return nil, nil, err
		}
		f, warn, err := Parse(name, b, format)
		if err != nil {
			return nil, nil, err
		}
		warnings = append(warnings, warn...)
		Merge(&all, f)
	}
	return &all, warnings, nil
}

// Fingerprint is a value that is another one whenever Load would read something else, there or in the files that were named. A file that cannot be
// read counts as empty.
func Fingerprint(paths []string, format string, named []string) string {
	files, err := source.Files(paths, format != "")
	if err != nil {
		return err.Error()
	}
	h := sha256.New()
	for _, name := range slices.Concat(files, named) {
		b, _ := os.ReadFile(name) // Load says what is wrong
		fmt.Fprintf(h, "%q %d\n", name, len(b))
		h.Write(b)
	}
	return string(h.Sum(nil))
}

// Parse reads one file. name stands in the errors and, where format is empty, tells the format by its ending.
func Parse(name string, b []byte, format string) (*File, []string, error) {
	if format == "" {
		format = source.Format(name)
	}
	return parseSource("config file "+name, b, format)
}

// parseSource reads one source, as the errors and warnings name it.
func parseSource(name string, b []byte, format string) (*File, []string, error) {
	var f File
	raw, unused, err := source.Decode(b, format, &f, leftout.SameKey)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	if f.Connect != nil {
		unused = append(unused, "connect") // it is taken for the CA's root, and asks for more
	}
	warnings, err := leftout.Judge(name, raw, unused)
	return &f, append(warnings, olderForms(name, &f)...), err
}
