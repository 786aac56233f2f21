package state

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"holdfast/cluster"
)

// TestEveryFieldCounts holds that two records which differ in any one field are not taken for the same: a write of the second would
// be lost. It finds fields by reflection, so that a new one cannot be forgotten.
func TestEveryFieldCounts(t *testing.T) {
	everyField(t, sameNode)
	everyField(t, sameSession)
	everyField(t, samePresence)
	everyField(t, sameAutopilot)
	everyField(t, sameCoordinate)
	everyField(t, (*cluster.PreparedQuery).Equal)
	everyField(t, (*cluster.QueryService).Equal)
	everyField(t, (*cluster.QueryFailover).Equal)
	everyField(t, (*cluster.Coordinate).Equal)
	everyField(t, (*cluster.Service).Equal)
	everyField(t, (*cluster.Check).Equal)
	everyField(t, (*cluster.Group).Equal)
}

func everyField[T any](t *testing.T, same func(a, b *T) bool) {
	t.Helper()
	var zero T
	if !same(&zero, &zero) {
		t.Errorf("a %T differs from itself", zero)
	}
	stamped := []string{"CreateIndex", "ModifyIndex"} // by the state itself
	for _, f := range reflect.VisibleFields(reflect.TypeOf(zero)) {
		if slices.Contains(stamped, f.Name) {
			continue
		}
		var other T
		fill(t, reflect.ValueOf(&other).Elem().FieldByIndex(f.Index))
		if same(&zero, &other) || same(&other, &zero) {
			t.Errorf("%T: a difference in %s is not seen", zero, f.Name)
		}
	}
}

// fill gives a field some value.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.Zero(v.Type().Key()), reflect.Zero(v.Type().Elem()))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		fill(t, v.Field(0))
	default:
		t.Fatalf("no value is known for a %s", v.Type())
	}
}
