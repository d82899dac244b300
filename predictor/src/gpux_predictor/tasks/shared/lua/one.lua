-- ARGV: id.
return shown(ARGV[1], true)
