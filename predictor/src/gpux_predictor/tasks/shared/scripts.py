"""Each change of a task as a Lua script, which Redis runs as one: no state in between is ever seen, or left by a crash.

Keys, all with one hash tag so that they are on one node of a cluster:

    <prefix>:task:<id>       hash: state, attempts, type, size, submitted, …
    <prefix>:body:<id>       string, until the task ends
    <prefix>:result:<id>     string
    <prefix>:key:<key>       Idempotency-Key → "<digest> <id>"
    <prefix>:queued          sorted set of ids by sequence number
    <prefix>:running         sorted set of ids by the end of the lease
    <prefix>:ended           sorted set of ids by the time at which they expire
    <prefix>:all             sorted set of ids by sequence number
    <prefix>:callbacks       sorted set of ids by the time of the next notice
    <prefix>:failed          how many of the ended failed
    <prefix>:bytes, :seq     numbers
    <prefix>:id_key          the secret of the ids

Times are Redis's own (TIME), so that the clocks of the replicas do not matter.
"""

from importlib.resources import files


def _script(*names: str) -> str:
    folder = files(__package__) / "lua"
    return "".join((folder / f"{name}.lua").read_text() for name in ("head", *names))


SUBMIT = _script("submit")
CLAIM = _script("claim")
RENEW = _script("renew")
FINISH = _script("finish")
RELEASE = _script("release")
RECOVER = _script("recover")
CANCEL = _script("cancel")
SWEEP = _script("sweep")
ONE = _script("shown", "one")
PAGE = _script("shown", "page")
COUNTS = _script("counts")
DUE = _script("due")
SETTLE = _script("settle")
