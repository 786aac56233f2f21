# Instead of the built-in proxy, or beside it: a HAProxy on this machine whose config is rendered. Here on n3, beside common.hcl.
template {
  source      = "/srv/haproxy.ctmpl"
  destination = "/srv/haproxy.cfg"
  validate    = "haproxy -c -f {{.}}"
  command     = "sh -c 'kill -USR2 $(cat /srv/haproxy.pid 2>/dev/null) 2>/dev/null || haproxy -W -D -f /srv/haproxy.cfg -p /srv/haproxy.pid'"
}
