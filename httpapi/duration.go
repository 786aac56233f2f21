package httpapi

import (
	"encoding/json"
	"time"

	"holdfast/cluster"
)

// duration is a time span in JSON: a string such as "10s", or a number of nanoseconds.
type duration time.Duration

// UnmarshalJSON reads either form.
func (d *duration) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
	case float64:
		*d = duration(v)
	case string:
		if v == "" {
			return nil
		}
		n, err := time.ParseDuration(v)
		if err != nil {
			return cluster.Errorf(cluster.Invalid, "Request decode failed: invalid duration %q: write it as \"10s\"", v)
		}
		*d = duration(n)
	default:
		return cluster.Errorf(cluster.Invalid, "Request decode failed: invalid duration %s: write it as \"10s\"", b)
	}
	return nil
}
