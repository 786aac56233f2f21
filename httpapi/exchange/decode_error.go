package exchange

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"

	"holdfast/cluster"
)

// DecodeError is the sentence for a body that cannot be decoded.
func DecodeError(err error) error {
	if _, ok := errors.AsType[*cluster.Error](err); ok {
		return err
	}
	if errors.Is(err, io.EOF) {
		return cluster.Errorf(cluster.Invalid, "Request decode failed: the body is empty, want a JSON object")
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := "the body"
		if e.Field != "" {
			where = "the field " + e.Field
		}
		return cluster.Errorf(cluster.Invalid, "Request decode failed: cannot unmarshal %s into %s: want %s", e.Value, where, wanted(e.Type))
	}
	return cluster.Errorf(cluster.Invalid, "Request decode failed: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// wanted is what JSON has for a type, in words.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string in base64"
		}
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	}
	return "a number"
}
