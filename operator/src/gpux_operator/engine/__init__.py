"""Events in, writes out: a de-duplicating key queue, and one level-triggered reconcile. No kopf here."""
