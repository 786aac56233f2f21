package language

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// textFuncs make text of text, or a number.
var textFuncs = map[string]any{
	"indent": indent, "join": join, "split": split, "splitToMap": splitToMap,
	"trimSpace": strings.TrimSpace, "trim": func(cut, s string) string { return strings.Trim(s, cut) },
	"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
	"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
	"replaceAll": func(from, to, s string) string { return strings.ReplaceAll(s, from, to) },
	"regexMatch": regexMatch, "regexReplaceAll": regexReplaceAll,
	"toLower": strings.ToLower, "toUpper": strings.ToUpper, "toTitle": toTitle,
	"sha256Hex":     func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) },
	"md5sum":        func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }, //nolint:gosec // what templates ask for
	"hmacSHA256Hex": hmacSHA256Hex,
	"parseBool":     func(s string) (bool, error) { return parsed(s, strconv.ParseBool) },
	"parseFloat": func(s string) (float64, error) {
		return parsed(s, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	},
	"parseInt": func(s string) (int64, error) {
		return parsed(s, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	},
	"parseUint": func(s string) (uint64, error) {
		return parsed(s, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	},
}

// parsed is what a text says, the zero value for none.
func parsed[T any](s string, parse func(string) (T, error)) (v T, err error) {
	if s == "" {
		return v, nil
	}
	return parse(s)
}

// indent puts spaces before each line that is not empty.
func indent(n int, s string) (string, error) {
	if n < 0 {
		return "", errors.New("indent: the number of spaces cannot be negative")
	}
	space := strings.Repeat(" ", n)
	var out strings.Builder
	for line := range strings.Lines(s) {
		if strings.TrimSuffix(line, "\n") != "" {
			out.WriteString(space)
		}
		out.WriteString(line)
	}
	return out.String(), nil
}

func join(sep string, list []string) string { return strings.Join(list, sep) }

// split is the parts of a text, which is freed of blanks around it first. No text has no parts.
func split(sep, s string) []string {
	s = strings.TrimSpace(s)
	if s == "" {
		return []string{}
	}
	return strings.Split(s, sep)
}

// splitToMap reads "a:b,c:d". What has no separator is passed over.
func splitToMap(sep, inner, s string) map[string]string {
	out := map[string]string{}
	for _, part := range split(sep, s) {
		if k, v, ok := strings.Cut(part, inner); ok {
			out[k] = v
		}
	}
	return out
}

func regexMatch(re, s string) (bool, error) {
	r, err := regexp.Compile(re)
	return err == nil && r.MatchString(s), err
}

func regexReplaceAll(re, to, s string) (string, error) {
	r, err := regexp.Compile(re)
	if err != nil {
		return "", err
	}
	return r.ReplaceAllString(s, to), nil
}

// toTitle begins each word with a capital, and leaves the rest of it.
func toTitle(s string) string { return cases.Title(language.Und, cases.NoLower).String(s) }

func hmacSHA256Hex(message, key string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(message)) //nolint:errcheck // a hash takes everything
	return hex.EncodeToString(h.Sum(nil))
}
