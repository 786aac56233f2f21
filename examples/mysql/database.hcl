# On n1 and n2, beside common.hcl.
service {
  name = "mysql"
  port = 3306
  check {
    name     = "answers"
    interval = "300ms"
    timeout  = "2s"
    mysql {
      address  = "127.0.0.1:3306"
      user     = "holdfast"
      password = "change-me"
    }
  }
}

# The server on this machine is writable while this machine holds the group, and a read-only replica else.
database "db" {
  address              = "127.0.0.1:3306"
  user                 = "holdfast"
  password             = "change-me"   # or password_file
  replicate_from       = "10.77.0.100:3306"
  replication_user     = "replica"
  replication_password = "change-me-too"
}

# For those who look for the primary in the catalog: DNS, templates, other proxies. Its instance passes on the primary alone.
service {
  name = "mysql-primary"
  port = 3306
  check {
    name     = "is the primary"
    interval = "300ms"
    timeout  = "2s"
    mysql {
      address  = "127.0.0.1:3306"
      user     = "holdfast"
      password = "change-me"
      role     = "primary"
    }
  }
}
