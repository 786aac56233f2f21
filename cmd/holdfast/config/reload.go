package config

import "reflect"

// Reload is what a running agent goes on with when its files now say next: what can change while it runs is next's, the rest stays. The
// keys of the rest that differ are answered, too: they count from the next start on.
func (c *Config) Reload(next *Config) (merged *Config, restart []string) {
	out := *c
	now, then := reflect.ValueOf(&out).Elem(), reflect.ValueOf(next).Elem()
	for i := range now.NumField() {
		tag := now.Type().Field(i).Tag
		switch {
		case tag.Get("reload") == "true":
			now.Field(i).Set(then.Field(i))
		case !reflect.DeepEqual(now.Field(i).Interface(), then.Field(i).Interface()):
			restart = append(restart, tag.Get("key"))
		}
	}
	return &out, restart
}
