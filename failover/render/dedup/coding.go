package dedup

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"holdfast/failover/render/remote"
)

const (
	maxValue   = 512 << 10 // a key takes no more
	maxAnswers = 64 << 20
)

// encode is answers as they are written: JSON, compressed. It is nil where there are none yet, and empty where they are too long for a key: then who
// reads that asks for itself.
func encode(answers []remote.Answer) []byte {
	if len(answers) == 0 {
		return nil
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if err := errors.Join(json.NewEncoder(z).Encode(answers), z.Close()); err != nil || out.Len() > maxValue {
		return []byte{}
	}
	return out.Bytes()
}

// decode is the opposite.
func decode(value []byte) ([]remote.Answer, error) {
	if len(value) == 0 {
		return nil, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(value))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(z, maxAnswers+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxAnswers {
		return nil, fmt.Errorf("they are longer than %d bytes", maxAnswers)
	}
	var out []remote.Answer
	err = json.Unmarshal(text, &out)
	return out, err
}
