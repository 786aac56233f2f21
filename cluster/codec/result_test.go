package codec

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"holdfast/cluster"
)

func TestResultsSurvive(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		err   error
		want  string // the bytes
	}{
		{"nothing", nil, nil, "00"},
		{"false", false, nil, "01"},
		{"true", true, nil, "02"},
		{"a text", "f00d", nil, "0366303064"},
		{"an empty text", "", nil, "03"},
		{"a number", uint64(7), nil, "040000000000000007"},
		{
			"a transaction", &cluster.TransactionResult{Errors: []cluster.OperationError{{Operation: 3, What: "no"}}}, nil,
			"0682a64572726f72739182a94f7065726174696f6e03a457686174a26e6fa4526f7773c0",
		},
		{"an error", nil, cluster.Errorf(cluster.Conflict, "no"), "05036e6f"},
		{"an error beside a value", true, cluster.Errorf(cluster.Invalid, "no"), "05016e6f"},
		{"no leader", nil, cluster.ErrNoLeader, fmt.Sprintf("0504%x", "No cluster leader")},
		{"a foreign error", nil, errors.New("x"), "050078"},
		{"a wrapped error", nil, fmt.Errorf("put: %w", cluster.Errorf(cluster.NotFound, "gone")), fmt.Sprintf("0502%x", "put: gone")},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := EncodeResult(c.value, c.err)
			if got := hex.EncodeToString(b); got != c.want {
				t.Errorf("encoded %s, want %s", got, c.want)
			}
			value, err := DecodeResult(b)
			if c.err == nil {
				if err != nil || !reflect.DeepEqual(value, c.value) {
					t.Errorf("decoded %v, %v, want %v", value, err, c.value)
				}
				return
			}
			if value != nil || err == nil || err.Error() != c.err.Error() || cluster.CodeOf(err) != cluster.CodeOf(c.err) {
				t.Errorf("decoded %v, %v, want the error %v", value, err, c.err)
			}
		})
	}
	if _, err := DecodeResult(EncodeResult(nil, cluster.ErrNoLeader)); !errors.Is(err, cluster.ErrNoLeader) {
		t.Errorf("ErrNoLeader is %v after the journey", err)
	}
}

// TestTransactionResultIsGolden holds every field of a transaction's result, which travels between members of different versions.
func TestTransactionResultIsGolden(t *testing.T) {
	want := filled(new(cluster.TransactionResult)).(*cluster.TransactionResult)
	got, err := DecodeResult(golden(t, "result/TransactionResult", EncodeResult(want, nil)))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, want)
}

func TestResultsOfOtherTypesAreRefused(t *testing.T) {
	if _, err := DecodeResult(EncodeResult([]int{1}, nil)); cluster.CodeOf(err) != cluster.Internal {
		t.Errorf("error %v, want an internal one", err)
	}
	for _, b := range []string{"", "\x00x", "\x01x", "\x02x", "\x04short", "\x05", "\x06", "\x06\xc1", "\x07", "\xff"} {
		if _, err := DecodeResult([]byte(b)); !errors.Is(err, errResult) {
			t.Errorf("DecodeResult(%q) gives error %v", b, err)
		}
	}
}

func FuzzDecodeResult(f *testing.F) {
	for _, v := range []any{nil, true, "text", uint64(1)} {
		f.Add(EncodeResult(v, nil))
	}
	f.Add(EncodeResult(nil, cluster.ErrNoLeader))
	f.Add(readGolden(f, "testdata/result/TransactionResult.golden"))
	f.Fuzz(func(t *testing.T, b []byte) {
		value, err := DecodeResult(b)
		if errors.Is(err, errResult) {
			return
		}
		again, errAgain := DecodeResult(EncodeResult(value, err))
		if !reflect.DeepEqual(value, again) || (err == nil) != (errAgain == nil) {
			t.Fatalf("%x gives %v, %v, and after another journey %v, %v", b, value, err, again, errAgain)
		}
	})
}
