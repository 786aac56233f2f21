package prepared

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"holdfast/cluster"
)

func template(name, regexp, text string) *cluster.PreparedQuery {
	return query(func(q *cluster.PreparedQuery) {
		q.Name, q.Template = name, cluster.QueryTemplate{Type: cluster.TemplateByPrefix, Regexp: regexp}
		q.Service.Service = text
	})
}

func TestRender(t *testing.T) {
	for _, c := range []struct {
		text, regexp, name string
		want               string
	}{
		{"web", "", "geo-db", "web"},
		{"${name.full}", "", "geo-db", "geo-db"},
		{"${name.prefix}", "", "geo-db", "geo"},
		{"${name.suffix}", "", "geo-db", "-db"},
		{"${name.suffix}", "", "GEO-Db", "-Db"},
		{"${name.suffix}", "", "geo", ""},
		{"a${ name.full }b${\tname.suffix\n}c", "", "geo-x", "ageo-xb-xc"},
		{"${agent.segment}", "", "geo", ""},
		{"${match(0)}/${match(1)}/${match(2)}/${match(9)}", "^geo-(.*?)-([^-]+)$", "geo-db-1", "geo-db-1/db/1/"},
		{"${match( 1 )}", "^geo-(.*)$", "geo-x", "x"},
		{"<${match(1)}>", "^other-(.*)$", "geo-x", "<>"},
		{"<${match(1)}>", "", "geo-x", "<>"},
		{"$${name.full}", "", "geo", "${name.full}"},
		{"$$${name.full}", "", "geo", "$${name.full}"},
		{"$ {} } $", "", "geo", "$ {} } $"},
		{`${"a } b"}${"\""}`, "", "geo", `a } b"`},
		{"", "", "geo", ""},
		{"ü${name.full}ü", "", "geoü", "ügeoüü"},
	} {
		compiled, err := Compile(template("geo", c.regexp, c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := compiled.Render(c.name).Service.Service; got != c.want {
			t.Errorf("%s for %s is %q, want %q", c.text, c.name, got, c.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"${":                                "\"\" cannot stand after ${",
		"${}":                               `"}" cannot stand after ${`,
		"${name.full":                       `"" stands where a } ought to be`,
		"${name.full x}":                    `"x}" stands where a } ought to be`,
		"${nope}":                           `there is no variable "nope"`,
		"${name}":                           `there is no variable "name"`,
		"${match}":                          `there is no variable "match"`,
		"${match(}":                         `match wants the number of a group, and "}" is none`,
		"${match(1}":                        `"}" stands where a ) ought to be`,
		"${match(-1)}":                      `match wants the number of a group, and "-1)}" is none`,
		"${match(1+1)}":                     `"+1)}" stands where a ) ought to be`,
		"${match(1":                         `"" stands where a ) ought to be`,
		"${upper(1)}":                       `there is no function "upper"`,
		"${1}":                              `"1}" cannot stand after ${`,
		`${"x}`:                             "has no end",
		"${match(99999999999999999999999)}": "match wants the number of a group",
		"${name.full} ${this one is a rather long one}": `there is no variable "this"`,
	} {
		_, err := Compile(template("geo", "", text))
		if err == nil || !strings.Contains(err.Error(), want) || cluster.CodeOf(err) != cluster.Invalid ||
			!strings.HasPrefix(err.Error(), fmt.Sprintf("failed compiling template: Bad format '%s' in Service.Service: ", text)) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	bad := query(func(q *cluster.PreparedQuery) {
		q.Template.Type = cluster.TemplateByPrefix
		q.Service.NodeMeta = map[string]string{"a": "fine", "b": "${x}"}
	})
	if _, err := Compile(bad); err == nil || !strings.Contains(err.Error(), "in Service.NodeMeta[b]: ") {
		t.Errorf("error %v", err)
	}
	if _, err := Compile(template("geo", "(", "web")); err == nil || !strings.Contains(err.Error(), "failed compiling template: Bad Regexp: error parsing regexp: missing closing )") {
		t.Errorf("error %v", err)
	}
	if _, err := Compile(query(nil)); err == nil || !strings.Contains(err.Error(), "Bad Template.Type ''") {
		t.Errorf("error %v", err)
	}
}

// TestEveryStringIsRendered finds the strings of a selection by reflection, so that a new one cannot be forgotten.
func TestEveryStringIsRendered(t *testing.T) {
	q := template("geo", "", "")
	fill(reflect.ValueOf(&q.Service).Elem(), "${name.full}")
	want := q.Service.Clone()
	fill(reflect.ValueOf(&want).Elem(), "geo-x")
	compiled, err := Compile(q)
	if err != nil {
		t.Fatal(err)
	}
	if got := compiled.Render("geo-x"); !got.Service.Equal(&want) {
		t.Errorf("rendered:\n%+v\nwant:\n%+v", got.Service, want)
	}
	if q.Service.Tags[0] != "${name.full}" || q.Service.NodeMeta["k"] != "${name.full}" {
		t.Errorf("the template itself has changed: %+v", q.Service)
	}
}

// fill sets every string below v, but for the keys of maps.
func fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), s)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": s, "l": s}))
	case reflect.Struct:
		for _, f := range v.Fields() {
			fill(f, s)
		}
	}
}

func TestEmptyTags(t *testing.T) {
	q := template("geo", "^geo-(.*)$", "web")
	q.Service.Tags = []string{"${match(1)}", "a", "${match(2)}"}
	for remove, want := range map[bool]string{false: "[ a ]", true: "[a]"} {
		q.Template.RemoveEmptyTags = remove
		compiled, err := Compile(q)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(compiled.Render("geo-").Service.Tags); got != want {
			t.Errorf("with RemoveEmptyTags %t the tags are %s, want %s", remove, got, want)
		}
	}
}

// FuzzTemplate holds that no text and no name makes a template panic, and that a text without parts is itself.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"${name.full}", "$${", "${match(1)} ${\"a\\\"b\"}", "${", "$", "a${b}", "${ name.suffix }", "${\"\\x80\"}"} {
		f.Add(s, "geo-x", "^(.*)$")
	}
	f.Fuzz(func(t *testing.T, text, name, regexp string) {
		compiled, err := Compile(template("geo", regexp, text))
		if err != nil {
			if cluster.CodeOf(err) != cluster.Invalid {
				t.Fatal(err)
			}
			return
		}
		got := compiled.Render(name)
		if !strings.Contains(text, "${") && got.Service.Service != text {
			t.Fatalf("%q is rendered as %q", text, got.Service.Service)
		}
	})
}
