package exchange

import (
	"strings"
	"testing"

	"holdfast/cluster"
)

// TestObjectsAreBounded holds that a small body cannot become hundreds of megabytes.
func TestObjectsAreBounded(t *testing.T) {
	var list []struct{ A, B string }
	most := "[" + strings.Repeat("{},", maxObjects-1) + "{}]"
	if err := DecodeStrict([]byte(most), &list); err != nil || len(list) != maxObjects {
		t.Errorf("%d objects: %v", maxObjects, err)
	}
	err := DecodeStrict([]byte("[{},"+most[1:]), &list)
	if cluster.CodeOf(err) != cluster.TooLarge || err.Error() != "Request decode failed: the body has 16385 JSON objects: at most 16384 are allowed" {
		t.Errorf("one more: %v", err)
	}
	for text, want := range map[string]int{`{}`: 1, `[{"{":"{\"{"},{"\\":{}}]`: 3, `"{`: 0, `"\\{`: 0, ``: 0, `{{{`: 3} {
		if n := objectsIn([]byte(text)); n != want {
			t.Errorf("%s has %d objects, want %d", text, n, want)
		}
	}
}

// TestDecodeError holds that a body of another shape is refused in words that need no Go.
func TestDecodeError(t *testing.T) {
	type inner struct {
		Text  string
		Flag  *bool
		Small uint8
		Bytes []byte
	}
	type body struct {
		In    inner
		List  []inner
		Map   map[string]int
		Float float64
	}
	for json, want := range map[string]string{
		``:                      "the body is empty, want a JSON object",
		`[]`:                    "cannot unmarshal array into the body: want an object",
		`{"In":{"Text":1}}`:     "cannot unmarshal number into the field In.Text: want a string",
		`{"In":{"Flag":"yes"}}`: "cannot unmarshal string into the field In.Flag: want true or false",
		`{"In":{"Small":256}}`:  "cannot unmarshal number 256 into the field In.Small: want a whole number from 0",
		`{"In":{"Bytes":{}}}`:   "cannot unmarshal object into the field In.Bytes: want a string in base64",
		`{"In":{"Bytes":"%"}}`:  "illegal base64 data at input byte 0",
		`{"List":{}}`:           "cannot unmarshal object into the field List: want a list",
		`{"List":["x"]}`:        "cannot unmarshal string into the field List: want an object",
		`{"Map":{"k":1.5}}`:     "cannot unmarshal number 1.5 into the field Map: want a whole number",
		`{"Float":"1"}`:         "cannot unmarshal string into the field Float: want a number",
		`{"None":1}`:            `unknown field "None"`,
		`{} {}`:                 "there is more after the JSON value",
		`{`:                     "unexpected EOF",
		"{\"In\":\"ü\xff\"}":    "the body is not valid UTF-8 from its byte 9 on",
	} {
		err := DecodeStrict([]byte(json), new(body))
		if err == nil || err.Error() != "Request decode failed: "+want || cluster.CodeOf(err) != cluster.Invalid {
			t.Errorf("%s\n  gives %v\n  want  Request decode failed: %s", json, err, want)
		}
	}
}
