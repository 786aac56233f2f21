# The same on all three machines. n1 and n2 have a database; n3 is the third voice, without which two could not tell who is cut off.
server           = true
bootstrap_expect = 3
data_dir         = "/srv/holdfast"
retry_join       = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]

# The address that the primary has: replicas replicate from it.
group "db" {
  service = "mysql"
  vip "10.77.0.100/24" {}
  prefer  = ["n1", "n2"]
}

# Clients connect to 10.77.0.100:6033, or to this port of any machine, and reach the primary. In a switch they wait.
proxy "db" {
  listen  = ":6033"
  service = "mysql"
  group   = "db"
  hold    = "20s"
}
