# The machines that run HAProxy.
service {
  name = "lb"
  port = 80
  check {
    http     = "http://127.0.0.1:80/haproxy"
    interval = "300ms"
    timeout  = "1s"
  }
}
