node_name = "n1"
bind_addr = "10.77.0.11"
