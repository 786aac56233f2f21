# The machines that run NSD.
service {
  name = "nsd"
  port = 53
  check {
    tcp      = "127.0.0.1:53"
    interval = "300ms"
    timeout  = "1s"
  }
}
