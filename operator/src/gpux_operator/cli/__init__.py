"""The commands of `gpux-operator`, one a module; what is slow to import comes with the work, not with the command line."""
