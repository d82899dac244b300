"""The servers compared, each a script as its project's documentation would write it, with its pinned requirements beside it."""
