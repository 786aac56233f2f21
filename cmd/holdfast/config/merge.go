package config

import "reflect"

// Merge lays over onto base: a value that is given replaces, a list is appended, a map or block is merged key by key.
func Merge(base, over *File) {
	mergeValue(reflect.ValueOf(base).Elem(), reflect.ValueOf(over).Elem())
}

func mergeValue(base, over reflect.Value) {
	switch base.Kind() {
	case reflect.Struct:
		for i := range base.NumField() {
			mergeValue(base.Field(i), over.Field(i))
		}
	case reflect.Pointer:
		switch {
		case over.IsNil():
		case base.IsNil() || base.Elem().Kind() != reflect.Struct:
			base.Set(over)
		default:
			mergeValue(base.Elem(), over.Elem())
		}
	case reflect.Slice:
		base.Set(reflect.AppendSlice(base, over))
	case reflect.Map:
		mergeMap(base, over)
	default:
		panic("config: File has a field that cannot be absent: " + base.Type().String())
	}
}

func mergeMap(base, over reflect.Value) {
	if base.IsNil() && over.Len() > 0 {
		base.Set(reflect.MakeMap(base.Type()))
	}
	for it := over.MapRange(); it.Next(); {
		base.SetMapIndex(it.Key(), it.Value())
	}
}
