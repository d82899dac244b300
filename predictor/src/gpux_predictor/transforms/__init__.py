"""What happens to a request before the graph, and to its result after it: text, images, features, and named steps on outputs."""
