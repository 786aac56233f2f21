package cluster

import "testing"

func TestVocabulary(t *testing.T) {
	for want, numbers := range map[Vocabulary][]byte{
		"":                   nil,
		"7":                  {7},
		"1-3":                {3, 1, 2},
		"1-11+13+15-17+30":   {30, 13, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 17},
		"0+126-127+254-255":  {255, 254, 127, 0, 126},
		"1+3+5":              {5, 3, 1},
		"1-2+4-5+7-8+10+200": {10, 200, 1, 2, 4, 5, 7, 8},
	} {
		v := NewVocabulary(numbers)
		if v != want {
			t.Errorf("%v is written %q, want %q", numbers, v, want)
		}
		in := map[byte]bool{}
		for _, n := range numbers {
			in[n] = true
		}
		for n := range 256 {
			if v.Has(byte(n)) != in[byte(n)] {
				t.Errorf("%q has %d: %v", v, n, v.Has(byte(n)))
			}
		}
	}
	for _, bad := range []Vocabulary{"x", "-", "1-", "-5", "5-1", "++", "300", "1 - 3", "0x5", ",5"} {
		if bad.Has(5) {
			t.Errorf("%q has 5", bad)
		}
	}
	if newer := Vocabulary("1-11+13"); !newer.Covers(FirstVocabulary) || FirstVocabulary.Covers(newer) || !newer.Covers(newer) || !newer.Covers("") {
		t.Error("Covers is wrong")
	}
}

func FuzzVocabulary(f *testing.F) {
	for _, seed := range []string{"", "1-11+13+15-17+30", "255-0", "1-99999999999999999999", "+-+", "1--3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var numbers []byte
		for n := range 256 {
			if Vocabulary(s).Has(byte(n)) {
				numbers = append(numbers, byte(n))
			}
		}
		if again := NewVocabulary(numbers); !again.Covers(Vocabulary(s)) || !Vocabulary(s).Covers(again) {
			t.Errorf("%q is read as %q", s, again)
		}
	})
}
