package language

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
	"gopkg.in/yaml.v2"
)

// codingFuncs write values as text, and read them.
var codingFuncs = map[string]any{
	"base64Decode": decoder(base64.StdEncoding), "base64Encode": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64URLDecode": decoder(base64.URLEncoding), "base64URLEncode": func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"parseJSON": parseJSON, "parseYAML": parseYAML,
	"toJSON": func(v any) (string, error) { return toJSON(v, true, "") }, "toJSONPretty": func(v any) (string, error) { return toJSON(v, true, "  ") },
	"toUnescapedJSON": func(v any) (string, error) { return toJSON(v, false, "") }, "toUnescapedJSONPretty": func(v any) (string, error) { return toJSON(v, false, "  ") },
	"toYAML": toYAML, "toTOML": toTOML,
}

func decoder(e *base64.Encoding) func(string) (string, error) {
	return func(s string) (string, error) {
		b, err := e.DecodeString(s)
		return string(b), err
	}
}

// parseJSON reads JSON; no text is an empty object.
func parseJSON(s string) (any, error) {
	if s == "" {
		return map[string]any{}, nil
	}
	var v any
	err := json.Unmarshal([]byte(s), &v)
	return v, err
}

// parseYAML reads YAML; no text is an empty object.
func parseYAML(s string) (any, error) {
	if s == "" {
		return map[string]any{}, nil
	}
	var v any
	err := yaml.Unmarshal([]byte(s), &v)
	return v, err
}

func toJSON(v any, escape bool, indent string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escape)
	e.SetIndent("", indent)
	err := e.Encode(named(v))
	return strings.TrimSuffix(b.String(), "\n"), err
}

// named is a value whose maps have names for keys, as JSON wants them: those that parseYAML makes have anything.
func named(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[fmt.Sprint(k)] = named(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = named(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = named(e)
		}
		return out
	}
	return v
}

func toYAML(v any) (string, error) {
	b, err := yaml.Marshal(v)
	return strings.TrimSpace(string(b)), err
}

func toTOML(v any) (string, error) {
	var b bytes.Buffer
	err := toml.NewEncoder(&b).Encode(v)
	return strings.TrimSpace(b.String()), err
}
