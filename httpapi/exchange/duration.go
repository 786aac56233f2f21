package exchange

import (
	"encoding/json"
	"time"

	"holdfast/cluster"
)

// Duration is a time span in JSON: a string such as "10s", or a number of nanoseconds.
type Duration time.Duration

// UnmarshalJSON reads either form.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
	case float64:
		*d = Duration(v)
	case string:
		if v == "" {
			return nil
		}
		n, err := time.ParseDuration(v)
		if err != nil {
			return cluster.Errorf(cluster.Invalid, "Request decode failed: invalid duration %q: write it as \"10s\"", v)
		}
		*d = Duration(n)
	default:
		return cluster.Errorf(cluster.Invalid, "Request decode failed: invalid duration %s: write it as \"10s\"", b)
	}
	return nil
}
