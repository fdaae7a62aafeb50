"""How the project runs on a server: the settings of its processes, and the commands around them."""
