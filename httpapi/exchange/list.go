package exchange

// Each converts the members of a list, which is never null.
func Each[S, T any](list []S, convert func(S) T) []T {
	out := make([]T, 0, len(list))
	for _, s := range list {
		out = append(out, convert(s))
	}
	return out
}

// OrEmpty is s, or a list without members where s is nil: clients expect [] rather than null.
func OrEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// OrEmptyMap is m, or a map without members where m is nil: clients expect {} rather than null.
func OrEmptyMap[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}
