service {
  name = "web"
  port = 8080
  check {
    http     = "http://127.0.0.1:8080/health"
    interval = "500ms"
    timeout  = "1s"
  }
}

service {
  name = "haproxy"
  port = 80
  check {
    tcp      = "127.0.0.1:80"
    interval = "1s"
    timeout  = "1s"
  }
}

group "web" {
  service = "haproxy"              # a machine is eligible while its HAProxy answers
  vip "10.77.0.100/24" {}
}

template {
  source      = "/etc/haproxy/haproxy.ctmpl"
  destination = "/etc/haproxy/haproxy.cfg"
  validate    = "haproxy -c -f {{.}}"
  command     = "/etc/haproxy/reload"
  wait        = "100ms:1s"         # instances that come and go together are one change
}
